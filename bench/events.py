"""From publishing an event to three durable projections, and beside it blinker alone, which keeps nothing."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from blinker import Signal

from bench.delivery import (
    SEEN,
    Counted,
    Delivery,
    add_up,
    append,
    delivering,
    inserting,
    make_tables,
    nobody,
    seen,
)
from bench.report import show_checks, show_table
from bench.server import House
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.bus import EventBus

PUBLISHERS = 64
FEWEST_IN_BATCHES = 10_000
LONGEST_DELIVERY = 600
PROJECTIONS = {"a": inserting(SEEN[0]), "b": inserting(SEEN[1]), "total": add_up}


@dataclass(frozen=True)
class Events:
    """Events a second: committed to the log one by one, taken in by all three projections meanwhile, taken in by
    them in full batches when they wait in the log, and through blinker alone."""

    events: int
    published_per_second: float
    delivered_per_second: float
    in_batches_per_second: float
    blinker_per_second: float
    exactly_once: bool


def run(house: House, events: int) -> dict[str, Any]:
    house.migrate()
    found = asyncio.run(_measure(house, events))
    columns = (
        *("events", "published/s", "in three projections/s", "in batches/s"),
        *("blinker alone/s", "batches to blinker"),
    )
    ratio = found.in_batches_per_second / found.blinker_per_second
    show_table(
        "Events, to three projections",
        columns,
        [
            (
                *(found.events, found.published_per_second, found.delivered_per_second),
                *(found.in_batches_per_second, found.blinker_per_second, f"{ratio:.3f}"),
            )
        ],
    )
    show_checks(
        {
            "each projection has every event exactly once": found.exactly_once,
            f"at least {FEWEST_IN_BATCHES:,} events/s in batches": found.in_batches_per_second
            >= FEWEST_IN_BATCHES,
        }
    )
    return asdict(found)


async def _measure(house: House, events: int) -> Events:
    async with delivering(house, _subscribe) as delivery:
        await delivery.database.write(make_tables)
        started = time.perf_counter()
        await _publish(delivery, events)
        published = time.perf_counter() - started
        for name in PROJECTIONS:
            await delivery.subscriptions.wait_until_current(name, timeout=LONGEST_DELIVERY)
        delivered = time.perf_counter() - started
    async with delivering(house, nobody) as delivery:
        await append(delivery, range(events, 2 * events))
    started = time.perf_counter()
    async with delivering(house, _subscribe) as delivery:
        for name in PROJECTIONS:
            await delivery.subscriptions.wait_until_current(name, timeout=LONGEST_DELIVERY)
        in_batches = time.perf_counter() - started
        counts = await delivery.database.read(seen)
    return Events(
        events=events,
        published_per_second=events / published,
        delivered_per_second=events / delivered,
        in_batches_per_second=events / in_batches,
        blinker_per_second=events / _seconds_of_blinker(events),
        exactly_once=counts == [2 * events] * len(PROJECTIONS),
    )


def _subscribe(bus: EventBus) -> None:
    for name, handler in PROJECTIONS.items():
        bus.subscribe(Counted, handler, name=name, kind="projection")


async def _publish(delivery: Delivery, events: int) -> None:
    """Many publish at once, each an event in a unit of work of its own, as turns do."""
    numbers = iter(range(events))
    await asyncio.gather(*(_publish_each(delivery, numbers) for _ in range(PUBLISHERS)))


async def _publish_each(delivery: Delivery, numbers: Iterator[int]) -> None:
    for number in numbers:

        def record(uow: UnitOfWork, number: int = number) -> None:
            uow.record(Counted(number=number))

        await delivery.database.write(record)


def _seconds_of_blinker(events: int) -> float:
    signal, taken = Signal(), [0, 0, 0]

    def receiver(at: int) -> Any:
        def take(_sender: object, event: Counted) -> None:
            taken[at] += event.number

        return take

    for at in range(len(taken)):
        signal.connect(receiver(at), weak=False)
    started = time.perf_counter()
    for number in range(events):
        signal.send(None, event=Counted(number=number))
    return time.perf_counter() - started
