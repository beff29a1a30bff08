"""What load is sent to, and what that costs it: the platform, and the bare limit."""

import time

from bench.load import Load, Requests
from bench.processes import Program
from bench.server import event_lag, looks_until_delivered

LOOKS_TO_LEARN_FROM = 10


class Target:
    """A program under load. Figures add up over the slices of load that it gets."""

    def __init__(self, program: Program, requests: Requests) -> None:
        self._program = program
        self._requests = requests
        self._handled = 0
        self._cpu_seconds = 0.0
        self.load = Load()

    @property
    def cpu_ms(self) -> float:
        """Processor time for one request, with all that it set off."""
        return self._cpu_seconds / self._handled * 1000

    def send(self, connections: int, seconds: int) -> None:
        before = self._program.cpu_seconds()
        load = self._requests.send(self._program.url, connections, seconds)
        watching = self._settle()
        self._cpu_seconds += self._program.cpu_seconds() - before - watching
        # At the end of the slice one request more stands open on each connection, and is worked on.
        self._handled += load.requests + connections
        self.load += load

    def _settle(self) -> float:
        """Wait until the work is done; return the processor time that the waiting itself took."""
        return 0.0


class Platform(Target):
    """The platform: a turn is done when its events are delivered."""

    def __init__(self, server: Program, requests: Requests, cpu_of_a_look: float) -> None:
        super().__init__(server, requests)
        self._cpu_of_a_look = cpu_of_a_look
        self.lag: dict[str, int] = {}
        self.delivered_seconds = 0.0

    def _settle(self) -> float:
        """The readiness that tells the lag is not cheap, so what it takes is learnt before and left out."""
        started = time.perf_counter()
        lag = event_lag(self._program)
        looks = 1 + looks_until_delivered(self._program)
        self.delivered_seconds = max(self.delivered_seconds, time.perf_counter() - started)
        self.lag = {name: max(behind, self.lag.get(name, 0)) for name, behind in lag.items()}
        return looks * self._cpu_of_a_look


def cpu_of_a_look(server: Program) -> float:
    before = server.cpu_seconds()
    for _ in range(LOOKS_TO_LEARN_FROM):
        event_lag(server)
    return (server.cpu_seconds() - before) / LOOKS_TO_LEARN_FROM
