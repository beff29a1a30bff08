"""A long log: does it take in and give out its last events as fast as its first?"""

import asyncio
import time
from itertools import pairwise
from statistics import mean
from typing import Any

from bench.delivery import SEEN, Counted, Delivery, delivering, inserting, make_tables, seen
from bench.report import show_checks, show_table
from bench.server import House
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.bus import EventBus

PARTS = 10
EVENTS_OF_A_UNIT = 500
PROJECTION = "a"
LONGEST_DELIVERY = 3_600
COMPARED_PARTS = 3
SMALLEST_EVENNESS = 0.8
"""How fast the last parts must be, against the first ones, for the log to count as flat."""


class Milestones:
    """A projection that notes when it has taken in each tenth of the log."""

    def __init__(self, part: int) -> None:
        self._part = part
        self._keep = inserting(SEEN[0])
        self.times: dict[int, float] = {}

    def __call__(self, uow: UnitOfWork, event: Counted) -> None:
        if event.number % self._part == 0:
            self.times[event.number] = time.perf_counter()
        self._keep(uow, event)


def run(house: House, events: int) -> dict[str, Any]:
    """Append first, then consume, so that each has the machine for itself."""
    house.migrate()
    part = events // PARTS
    appended = _rates(asyncio.run(_append(house, part)), part)
    bytes_of_log = sum(file.stat().st_size for file in house.folder.glob("platform.db*"))
    milestones = Milestones(part)
    counted = asyncio.run(_consume(house, milestones))
    consumed = _rates([*milestones.times.values(), time.perf_counter()], part)
    rows = [(f"{(at + 1) * part:,}", *rates) for at, rates in enumerate(zip(appended, consumed, strict=True))]
    show_table("A long log", ("events", "appended/s", "consumed/s"), rows)
    print(f"\nThe file: {bytes_of_log / 1e6:,.0f} MB, {bytes_of_log / (part * PARTS):,.0f} bytes an event.")
    evenness = mean(consumed[-COMPARED_PARTS:]) / mean(consumed[:COMPARED_PARTS])
    show_checks(
        {
            f"consumption is flat (last parts to first {evenness:.2f})": evenness >= SMALLEST_EVENNESS,
            "every event was taken in exactly once": counted == part * PARTS,
        }
    )
    return {"appended_per_second": appended, "consumed_per_second": consumed, "bytes": bytes_of_log}


async def _append(house: House, part: int) -> list[float]:
    async with delivering(house, _nobody) as delivery:
        await delivery.database.write(make_tables)
        times = [time.perf_counter()]
        for start in range(0, part * PARTS, part):
            for first in range(start, start + part, EVENTS_OF_A_UNIT):
                await _record(delivery, range(first, min(first + EVENTS_OF_A_UNIT, start + part)))
            times.append(time.perf_counter())
    return times


async def _record(delivery: Delivery, numbers: range) -> None:
    def record(uow: UnitOfWork) -> None:
        for number in numbers:
            uow.record(Counted(number=number))

    await delivery.database.write(record)


async def _consume(house: House, milestones: Milestones) -> int:
    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, milestones, name=PROJECTION, kind="projection")

    async with delivering(house, subscribe) as delivery:
        await delivery.subscriptions.wait_until_current(PROJECTION, timeout=LONGEST_DELIVERY)
        return (await delivery.database.read(seen))[0]


def _nobody(_bus: EventBus) -> None:
    """Append alone."""


def _rates(times: list[float], part: int) -> list[float]:
    return [part / (end - start) for start, end in pairwise(times)]
