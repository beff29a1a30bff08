"""Full chat turns over HTTP, and in the same run the bare limit of the machine."""

import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt

from bench import bare, texts
from bench.load import GENERATOR, Requests
from bench.processes import Program, program
from bench.report import show_checks, show_table
from bench.seed import PEOPLE, QUESTIONS, SeededHouse, post
from bench.server import ROOT, free_port, serving
from bench.targets import Platform, Target, cpu_of_a_look

CONCURRENCIES = (1, 16, 64)
LONGEST_SLICE = 2
ANALYTICS = "analytics.turns"
"""The subscription that takes in every turn."""

WARM_UP_CONNECTIONS = 16
WARM_UP_SECONDS = 1

LONGEST_P95_MS = 2_000
LONGEST_P99_MS = 150
FEWEST_PER_SECOND = 1_000
SMALLEST_RATIO = 0.4


@dataclass(frozen=True)
class Step:
    """One form of turn at one concurrency, and the bare limit beside it. Processor time is for one request."""

    form: str
    connections: int
    per_second: float
    bare_per_second: float
    ratio: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    bare_p99_ms: float
    errors: int
    cpu_ms: float
    bare_cpu_ms: float
    lag: dict[str, int]
    delivered_seconds: float

    @property
    def most_behind(self) -> int:
        """How far the slowest subscription was behind; one that turns do not concern seldom looks at the log."""
        return max(self.lag.values(), default=0)

    @property
    def analytics_behind(self) -> int:
        return self.lag.get(ANALYTICS, 0)


def run(title: str, seeded: SeededHouse, seconds: int, **settings: str) -> dict[str, Any]:
    """Measure turns on one server, show and return what came out; `settings` are environment variables."""
    complaints = seeded.house.logged_errors()
    folder = seeded.house.folder
    with serving(seeded.house, **settings) as server, _bare_server(folder.with_suffix(".bare")) as limit:
        forms = {"json": seeded.json_turns(), "streamed": seeded.streamed_turns()}
        bare_requests = _bare_requests(folder.with_suffix(".bare-requests"))
        steps = list(_steps(server, limit, forms, bare_requests, seconds))
    complaints = seeded.house.logged_errors() - complaints
    _show(title, steps, complaints)
    return {"title": title, "steps": [asdict(step) for step in steps], "logged_errors": complaints}


def _steps(
    server: Program, limit: Program, forms: Mapping[str, Requests], bare_requests: Requests, seconds: int
) -> Iterator[Step]:
    server.wait_until_idle()
    look = cpu_of_a_look(server)
    bare_requests.send(limit.url, WARM_UP_CONNECTIONS, WARM_UP_SECONDS)
    for requests in forms.values():
        requests.send(server.url, WARM_UP_CONNECTIONS, WARM_UP_SECONDS)
    for form, requests in forms.items():
        for connections in CONCURRENCIES:
            turns, bare_turns = Platform(server, requests, look), Target(limit, bare_requests)
            for slice_seconds in _slices(seconds):
                bare_turns.send(connections, slice_seconds)
                turns.send(connections, slice_seconds)
            yield _step(form, connections, turns, bare_turns)


def _slices(seconds: int) -> list[int]:
    """Short slices in turn, so that what slows the machine down for a while hits both."""
    slices = math.ceil(seconds / LONGEST_SLICE)
    return [min(LONGEST_SLICE, seconds)] * slices


def _step(form: str, connections: int, turns: Platform, bare_turns: Target) -> Step:
    p50, p95, p99 = (turns.load.milliseconds(percent) for percent in (50, 95, 99))
    return Step(
        form=form,
        connections=connections,
        per_second=turns.load.per_second,
        bare_per_second=bare_turns.load.per_second,
        ratio=turns.load.per_second / bare_turns.load.per_second,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        bare_p99_ms=bare_turns.load.milliseconds(99),
        errors=turns.load.errors + bare_turns.load.errors,
        cpu_ms=turns.cpu_ms,
        bare_cpu_ms=bare_turns.cpu_ms,
        lag=turns.lag,
        delivered_seconds=turns.delivered_seconds,
    )


@contextmanager
def _bare_server(folder: Path) -> Iterator[Program]:
    folder.mkdir(exist_ok=True)
    port = free_port()
    url, command = f"http://127.0.0.1:{port}", [sys.executable, "-m", "bench.bare", str(folder), str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with program(command, url, "/health", environment, folder, folder / "log") as server:
        yield server


def _bare_requests(file: Path) -> Requests:
    now = datetime.now(UTC)
    claims = {"iss": "bare", "role": "user", "group_ids": [], "iat": now, "exp": now + timedelta(days=1)}
    tokens = [
        jwt.encode(claims | {"sub": str(uuid4()), "sid": str(uuid4())}, bare.SECRET, bare.ALGORITHM)
        for _ in range(PEOPLE)
    ]
    questions = texts.questions(QUESTIONS)
    return Requests(
        [post("/turn", tokens[at % PEOPLE], {"message": text}) for at, text in enumerate(questions)], file
    )


def _show(title: str, steps: Sequence[Step], logged_errors: int) -> None:
    columns = (
        *("form", "at once", "turns/s", "bare/s", "ratio", "p50 ms", "p95 ms", "p99 ms", "bare p99"),
        *("errors", "CPU ms", "bare CPU ms", "analytics behind", "most behind", "delivered s"),
    )
    rows = [
        (
            *(step.form, step.connections, step.per_second, step.bare_per_second, step.ratio),
            *(step.p50_ms, step.p95_ms, step.p99_ms, step.bare_p99_ms, step.errors),
            *(step.cpu_ms, step.bare_cpu_ms, step.analytics_behind, step.most_behind, step.delivered_seconds),
        )
        for step in steps
    ]
    show_table(f"{title} (load by {GENERATOR})", columns, rows)
    show_checks(_checks(steps, logged_errors))


def _checks(steps: Sequence[Step], logged_errors: int) -> dict[str, bool]:
    busiest = [step for step in steps if step.connections == max(CONCURRENCIES)]
    return {
        f"p95 without the model's own time at most {LONGEST_P95_MS:,} ms": all(
            step.p95_ms <= LONGEST_P95_MS for step in steps
        ),
        f"ratio to bare at least {SMALLEST_RATIO}": all(step.ratio >= SMALLEST_RATIO for step in steps),
        f"at least {FEWEST_PER_SECOND:,} turns/s with {max(CONCURRENCIES)} at once": all(
            step.per_second >= FEWEST_PER_SECOND for step in busiest
        ),
        f"p99 below {LONGEST_P99_MS} ms with {max(CONCURRENCIES)} at once": all(
            step.p99_ms < LONGEST_P99_MS for step in busiest
        ),
        "no error, none in the server's log either": not logged_errors and not any(s.errors for s in steps),
    }
