"""How long a start takes, and how much memory a server has."""

from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Load
from bench.report import show_table
from bench.seed import SeededHouse
from bench.server import House, serving

STARTS = 3
TURNS = 10_000
CONNECTIONS = 16
SLICE_SECONDS = 2

AS_FOR_PEOPLE = {"SERVER__PAGE": "true"}
"""`make run` serves the page too."""


def run(seeded: SeededHouse, folder: Path) -> dict[str, Any]:
    fresh = [_seconds_to_ready(House(folder / f"fresh-{number}")) for number in range(STARTS)]
    existing = [_seconds_to_ready(seeded.house) for _ in range(STARTS)]
    idle, after, turns = _memory(seeded)
    rows = [("new data", median(fresh), max(fresh)), ("existing data", median(existing), max(existing))]
    show_table("Seconds from start to ready", ("on", "median", "longest"), rows)
    show_table("Memory of the server, MB", ("idle", f"after {turns:,} turns"), [(idle / 1e6, after / 1e6)])
    return {
        "fresh_seconds": fresh,
        "existing_seconds": existing,
        "idle_bytes": idle,
        "bytes_after_turns": after,
        "turns": turns,
    }


def _seconds_to_ready(house: House) -> float:
    with serving(house, **AS_FOR_PEOPLE) as server:
        return server.ready_after


def _memory(seeded: SeededHouse) -> tuple[int, int, int]:
    """Return the bytes of an idle server, its bytes after many turns, and how many those were."""
    requests, load = seeded.json_turns(), Load()
    with serving(seeded.house, **AS_FOR_PEOPLE) as server:
        server.wait_until_idle()
        idle = server.resident_bytes()
        while load.requests < TURNS:
            load += requests.send(server.url, CONNECTIONS, SLICE_SECONDS)
        return idle, server.resident_bytes(), load.requests
