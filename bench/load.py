"""The load generator: wrk, or a slower one in Python where wrk is missing."""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench import load_in_python

SCRIPT = Path(__file__).with_name("rotate.lua")
LONGEST_ANSWER = 20
"""Seconds after which an answer that has not come counts as an error."""

GENERATOR = "wrk" if shutil.which("wrk") else "python"


@dataclass(frozen=True)
class Load:
    """What came back: answers, the seconds they came in, errors, and how often each latency was seen."""

    requests: int = 0
    seconds: float = 0.0
    errors: int = 0
    microseconds: Counter[int] = field(default_factory=Counter)

    def __add__(self, other: "Load") -> "Load":
        return Load(
            self.requests + other.requests,
            self.seconds + other.seconds,
            self.errors + other.errors,
            self.microseconds + other.microseconds,
        )

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    def milliseconds(self, percent: float) -> float:
        """Return the latency that so many percent of the answers did not exceed."""
        wanted = self.microseconds.total() * percent / 100
        seen = 0
        for latency in sorted(self.microseconds):
            seen += self.microseconds[latency]
            if seen >= wanted:
                return latency / 1000
        return 0.0


class Requests:
    """HTTP requests as they go over the wire; each run goes on where the last one left off."""

    def __init__(self, requests: Sequence[bytes], file: Path) -> None:
        self._requests = requests
        self._file = file
        self._next = 0
        file.write_bytes(b"\0".join(requests))

    def send(self, url: str, connections: int, seconds: int) -> Load:
        """Keep so many connections busy for so long."""
        generate = self._by_wrk if GENERATOR == "wrk" else self._by_python
        load = generate(url, connections, seconds)
        self._next = (self._next + load.requests) % len(self._requests)
        return load

    def _by_wrk(self, url: str, connections: int, seconds: int) -> Load:
        command = [
            *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"),
            *("--timeout", f"{LONGEST_ANSWER}s", "--script", str(SCRIPT), url),
            *("--", str(self._file), str(self._next)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        return Load(found["requests"], found["seconds"], found["errors"], Counter(dict(found["histogram"])))

    def _by_python(self, url: str, connections: int, seconds: int) -> Load:
        address = urlsplit(url)
        requests = [*self._requests[self._next :], *self._requests[: self._next]]
        sending = load_in_python.send(
            address.hostname, address.port, requests, connections, seconds, LONGEST_ANSWER
        )
        latencies, taken, errors = asyncio.run(sending)
        return Load(len(latencies), taken, errors, Counter(latencies))
