"""A real server process, as `make run` starts it, on a free port with a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]

StartServer = Callable[..., "Server"]

QUIET = {"KNOWLEDGE__EMBEDDINGS": "none"} | dict.fromkeys(
    (f"LIMITS__{name}" for name in ("USER", "API_KEY", "QUESTIONS", "ADDRESS", "SIGN_IN")), "0"
)


class Server:
    """`python -m src` in a process of its own; can be killed and started again on the same data.

    Without `KNOWLEDGE__EMBEDDINGS` it makes no vectors: they would take the processor from the tests beside. Nor
    does it limit how often is asked.
    """

    def __init__(self, data_dir: Path, **settings: object) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = QUIET | settings
        self._log_file = data_dir / f"server-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.begin()
        self.wait_until_ready()

    def begin(self) -> None:
        """Start it without waiting until it serves."""
        environment = {**os.environ, "DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        environment.pop("API_URL", None)
        environment |= {name: str(value) for name, value in self._settings.items()}
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # our own program
                [sys.executable, "-m", "src"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def terminate(self) -> None:
        """Tell it to stop, and do not wait until it has."""
        self.send(signal.SIGTERM)

    def wait_until_ended(self) -> None:
        assert self._process
        self._process.wait(timeout=30)
        self._process = None

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def wait_until_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self._process
            if self._process.poll() is not None:
                raise AssertionError(f"the server ended ({self._process.returncode}): {self.log}")
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the server is not ready after {seconds} s: {self.log}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    server = Server(tmp_path, DATABASE_URL=database_url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_server(tmp_path: Path, database_url: str) -> Iterator[StartServer]:
    """Starts servers on one database, with settings of their own; they are killed in the end."""
    servers: list[Server] = []

    def start(**settings: object) -> Server:
        server = Server(tmp_path, DATABASE_URL=database_url, SERVER__PAGE="false", **settings)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
