"""A long log: does it take in and give out its last events as fast as its first?"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import mean
from typing import Any

from sqlalchemy import delete, func, select

from bench.delivery import SEEN, Counted, append, delivering, inserting, make_tables, nobody, seen
from bench.report import show_checks, show_table
from bench.server import House
from src.infrastructure.database.event_log import EVENT_LOG
from src.infrastructure.database.retention import Retention, RetentionPolicy
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.bus import EventBus

PARTS = 10
KEPT_EVENTS = 100_000
PROJECTION = "a"
LONGEST_DELIVERY = 3_600
COMPARED_PARTS = 3
SMALLEST_EVENNESS = 0.8
"""How fast the last parts must be, against the first ones, for the log to count as flat."""


@dataclass(frozen=True)
class Moment:
    """On the clock, and in processor time of this process, which other programs do not lengthen."""

    clock: float
    cpu: float


@dataclass(frozen=True)
class Replay:
    """How fast the projection was made anew, and whether its rows are those of before."""

    per_second: float
    same_rows: bool


def now() -> Moment:
    return Moment(time.perf_counter(), time.process_time())


class Milestones:
    """A projection that notes when it begins each tenth of the log."""

    def __init__(self, part: int) -> None:
        self._part = part
        self._keep = inserting(SEEN[0])
        self._moments: dict[int, Moment] = {}

    def __call__(self, uow: UnitOfWork, event: Counted) -> None:
        if event.number % self._part == 0:
            self._moments[event.number] = now()
        self._keep(uow, event)

    def until(self, end: Moment) -> list[Moment]:
        return [*self._moments.values(), end]


def run(house: House, events: int) -> dict[str, Any]:
    """Append first, then consume, so that each has the machine for itself."""
    house.migrate()
    part = events // PARTS
    appending = asyncio.run(_append(house, part))
    file_bytes = sum(file.stat().st_size for file in house.folder.glob("platform.db*"))
    consuming, counted = asyncio.run(_consume(house, Milestones(part)))
    replay = asyncio.run(_replay(house, part * PARTS))
    kept = asyncio.run(_trim(house))
    found = {
        "appended_per_second": [part / (end.clock - start.clock) for start, end in pairwise(appending)],
        "consumed_per_second": [part / (end.clock - start.clock) for start, end in pairwise(consuming)],
        "consuming_cpu_us": [(end.cpu - start.cpu) / part * 1e6 for start, end in pairwise(consuming)],
    }
    _show(found, part, file_bytes, counted)
    _show_replay(replay, kept)
    return {"events": part * PARTS, "file_bytes": file_bytes, **found, **asdict(replay), "kept": kept}


async def _append(house: House, part: int) -> list[Moment]:
    async with delivering(house, nobody) as delivery:
        await delivery.database.write(make_tables)
        moments = [now()]
        for start in range(0, part * PARTS, part):
            await append(delivery, range(start, start + part))
            moments.append(now())
    return moments


async def _consume(house: House, milestones: Milestones) -> tuple[list[Moment], int]:
    """Return the moments between the parts, and how many events were taken in."""

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, milestones, name=PROJECTION, kind="projection")

    async with delivering(house, subscribe) as delivery:
        await delivery.subscriptions.wait_until_current(PROJECTION, timeout=LONGEST_DELIVERY)
        return milestones.until(now()), (await delivery.database.read(seen))[0]


async def _replay(house: House, events: int) -> Replay:
    """Make the projection anew from the log while a tenth as many events arrive."""

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, inserting(SEEN[0]), name=PROJECTION, kind="projection")
        bus.rebuild_with(lambda uow: uow.connection.execute(delete(SEEN[0])), name=PROJECTION)

    async with delivering(house, subscribe) as delivery:
        before = await delivery.database.read(_rows)
        started = time.perf_counter()
        await delivery.events.replay(PROJECTION)
        await append(delivery, range(events, events + events // PARTS))
        while any(each.lag for each in await delivery.events.status()):  # noqa: ASYNC110  # only the log tells
            await asyncio.sleep(0.1)
        seconds = time.perf_counter() - started
        after = await delivery.database.read(_rows)
    return Replay(
        (events + events // PARTS) / seconds, after[: len(before)] == before and after == sorted(after)
    )


async def _trim(house: House) -> int:
    """Trim the log, and return how many events it still has."""
    async with delivering(house, nobody) as delivery:
        await Retention(delivery.database, RetentionPolicy(events=KEPT_EVENTS)).trim()
        return await delivery.database.read(
            lambda uow: uow.connection.scalar(select(func.count()).select_from(EVENT_LOG)) or 0
        )


def _rows(uow: UnitOfWork) -> list[int]:
    return list(uow.connection.scalars(select(SEEN[0].c.number)))


def _show_replay(replay: Replay, kept: int) -> None:
    print(f"\nReplayed {replay.per_second:,.0f} events/s while new ones arrived; trimmed to {kept:,} events.")
    show_checks(
        {
            "the replay gave the same rows": replay.same_rows,
            f"trimming keeps {KEPT_EVENTS:,} events": kept == KEPT_EVENTS,
        }
    )


def _show(found: Mapping[str, Sequence[float]], part: int, file_bytes: int, counted: int) -> None:
    events = part * PARTS
    parts = range(part, events + 1, part)
    columns = ("events", "appended/s", "consumed/s", "CPU µs to consume one")
    show_table("A long log", columns, zip(parts, *found.values(), strict=True))
    print(f"\nThe file: {file_bytes / 1e6:,.0f} MB, {file_bytes / events:,.0f} bytes an event.")
    consumed = found["consumed_per_second"]
    evenness = mean(consumed[-COMPARED_PARTS:]) / mean(consumed[:COMPARED_PARTS])
    show_checks(
        {
            f"consumption is flat (last parts to first {evenness:.2f})": evenness >= SMALLEST_EVENNESS,
            "every event was taken in exactly once": counted == events,
        }
    )
