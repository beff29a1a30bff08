"""The platform as a real server, `python -m src`, on data of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from bench.processes import Program, program

ROOT = Path(__file__).parents[1]
READY = "/health/ready"
LOOK_EVERY = 0.1
LONGEST_DELIVERY = 120

SETTINGS = {
    "CHAT__MODEL": "null",
    "SERVER__PAGE": "false",
    "LOG_FORMAT": "json",
    "AUTH__ACCESS_TOKEN_MINUTES": "1000",
    "KNOWLEDGE__EMBEDDINGS": "none",
    "LIMITS__USER": "1000000000",
    "LIMITS__QUESTIONS": "1000000000",
    "LIMITS__ADDRESS": "1000000000",
    "LIMITS__SIGN_IN": "1000000000",
}
"""The model that takes no time, so that all the rest is measured; tokens that outlive the benchmark; vectors
only where they are measured, for ten thousand take half an hour; and limits that are kept but never met."""


@dataclass(frozen=True)
class House:
    """What a server keeps, and where; without `database_url` in a SQLite file in its folder."""

    folder: Path
    database_url: str | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the caller's environment with the settings of the benchmark."""
        # An unset variable would let a developer's .env name a database that is not ours.
        url = self.database_url or f"sqlite:///{self.folder / 'platform.db'}"
        own = {"DATA_DIR": str(self.folder), "DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
        return os.environ | SETTINGS | own | settings

    def migrate(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "migrations", "upgrade"]
        subprocess.run(command, cwd=self.folder, env=self.environment(), check=True)

    def logged_errors(self) -> int:
        """Count what the server complained about: its errors, and what is no log line of its own."""
        return sum(map(_is_error, self.log.read_text().splitlines())) if self.log.exists() else 0


@contextmanager
def serving(house: House, **settings: str) -> Iterator[Program]:
    """Run a server on the house's data; `settings` are environment variables."""
    house.folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "src"]
    environment = house.environment(PORT=str(port), **settings)
    with program(command, f"http://127.0.0.1:{port}", READY, environment, house.folder, house.log) as server:
        yield server


def event_lag(server: Program) -> dict[str, int]:
    """Return for each subscription how many positions of the event log it has yet to look at."""
    readiness = httpx.get(f"{server.url}{READY}", timeout=30).raise_for_status().json()
    return dict(readiness["event_lag"])


def looks_until_delivered(server: Program) -> int:
    """Wait until every subscription has seen the whole log; return how often it was asked for that."""
    deadline = time.monotonic() + LONGEST_DELIVERY
    for looks in count(1):
        if not any(event_lag(server).values()):
            return looks
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY)
    raise RuntimeError(f"events are not delivered after {LONGEST_DELIVERY} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_error(line: str) -> bool:
    try:
        return json.loads(line)["level"] in ("error", "critical")
    except (ValueError, KeyError, TypeError):
        return "Traceback" in line or "Error" in line
