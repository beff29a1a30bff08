"""`python -m bench`: what `make bench` and `make bench-log` call."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import (
    events,
    figures,
    guardrails,
    ingestion,
    log,
    machine,
    meaning,
    postgres,
    report,
    start,
    streams,
    turns,
)
from bench.seed import SeededHouse, seed
from bench.server import ROOT, House

BUILD = ROOT / "build"


class Run:
    """One run of some benchmarks; each has a method of its name."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder

    def turns(self) -> dict[str, Any]:
        return turns.run("Turns on SQLite", self._copy_of_seeded("turns"), self._options.seconds)

    def start(self) -> dict[str, Any]:
        return start.run(self._copy_of_seeded("start"), self._folder)

    def events(self) -> dict[str, Any]:
        return events.run(self._new_house("events"), self._options.events)

    def ingestion(self) -> dict[str, Any]:
        return ingestion.run(self._copy_of_seeded("ingestion"))

    def meaning(self) -> list[dict[str, Any]]:
        return meaning.run(self._copy_of_seeded("meaning"), self._options.seconds)

    def streams(self) -> dict[str, Any]:
        return streams.run(self._copy_of_seeded("streams"), self._folder)

    def guardrails(self) -> dict[str, Any]:
        return guardrails.run()

    def figures(self) -> list[dict[str, Any]]:
        houses = [(self._new_house(f"figures-{turns}"), turns) for turns in self._options.turns]
        found = figures.run("The dashboard on SQLite", houses)
        with self._server() as server_url, ExitStack() as stack:
            houses = [
                (
                    House(
                        self._folder / f"figures-on-postgres-{turns}",
                        stack.enter_context(postgres.new_database(server_url)),
                    ),
                    turns,
                )
                for turns in self._options.turns
            ]
            return [*found, *figures.run("The dashboard on PostgreSQL", houses)]

    def log(self) -> dict[str, Any]:
        return log.run(self._new_house("log"), self._options.log_events)

    def postgres(self) -> list[dict[str, Any]]:
        with self._server() as server_url, postgres.new_database(server_url) as url:
            house = House(self._folder / "on-postgres", url)
            house.migrate()
            seeded = self._seeded_new(house)
            return [
                turns.run(
                    f"Turns on PostgreSQL, server processes: {workers}",
                    seeded,
                    self._options.seconds,
                    SERVER__WORKERS=str(workers),
                )
                for workers in (1, self._options.workers)
            ]

    def _server(self) -> AbstractContextManager[str]:
        given = self._options.database
        return nullcontext(given) if given else postgres.own_server(self._folder / "postgres")

    @cached_property
    def _seeded(self) -> SeededHouse:
        return self._seeded_new(House(self._folder / "seeded"))

    def _seeded_new(self, house: House) -> SeededHouse:
        print(f"\nMaking {self._options.passages:,} passages through the API ...", flush=True)
        seeded = seed(house, self._options.passages)
        print(f"They are ready after {seeded.seconds:.0f} s.", flush=True)
        return seeded

    def _copy_of_seeded(self, name: str) -> SeededHouse:
        """Each benchmark begins with the same data."""
        house = self._new_house(name)
        shutil.copytree(self._seeded.house.folder, house.folder)
        return SeededHouse(house, self._seeded.people, self._seeded.seconds)

    def _new_house(self, name: str) -> House:
        return House(self._folder / name)


BENCHES = (
    "turns",
    "streams",
    "events",
    "start",
    "ingestion",
    "meaning",
    "guardrails",
    "figures",
    "postgres",
    "log",
)


def main() -> None:
    options = _options(sys.argv[1:])
    BUILD.mkdir(exist_ok=True)
    # Not in the system's temporary folder: where that is memory, a commit would cost nothing.
    with TemporaryDirectory(prefix="bench-", dir=BUILD) as folder:
        results: dict[str, Any] = {"machine": machine.facts(Path(folder))}
        print(*(f"{name}: {fact}" for name, fact in results["machine"].items()), sep="\n")
        run = Run(options, Path(folder))
        for bench in options.benches:
            results[bench] = getattr(run, bench)()
    report.save(results, options.json)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks; see bench/README.md.")
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"which: {', '.join(BENCHES)}")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of load for a step (5)")
    parser.add_argument("--passages", type=int, default=10_000, help="passages that are searched (10,000)")
    parser.add_argument("--events", type=int, default=20_000, help="events of `events` (20,000)")
    parser.add_argument("--log-events", type=int, default=1_000_000, help="events of `log` (1,000,000)")
    parser.add_argument(
        "--turns", type=int, nargs="+", default=[10_000, 100_000], help="turns of `figures` (10,000 100,000)"
    )
    parser.add_argument("--workers", type=int, default=2, help="server processes on PostgreSQL (2)")
    parser.add_argument("--json", type=Path, default=BUILD / "bench.json", help="where the figures go")
    parser.add_argument(
        "--database",
        default=os.environ.get("BENCH_DATABASE_URL"),
        help="a PostgreSQL server, whose role may create databases; `postgres` brings its own without one",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.benches) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    options.benches = options.benches or [
        "turns",
        "streams",
        "events",
        "start",
        *(["postgres"] * bool(options.database)),
    ]
    return options


if __name__ == "__main__":
    main()
