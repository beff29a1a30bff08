"""The event machinery alone, in this process: a migrated database, the bus and subscriptions of our own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Column, Integer, MetaData, Table, bindparam, func, insert, select, update

from bench.server import House
from src.infrastructure.container import Container
from src.infrastructure.database.database import Database
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.operations.events import EventService
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent
from src.shared.events.bus import EventBus

Handler = Callable[[UnitOfWork, "Counted"], None]

TABLES = MetaData()
SEEN = [
    Table(f"bench_seen_{name}", TABLES, Column("number", Integer, primary_key=True)) for name in ("a", "b")
]
TOTAL = Table("bench_total", TABLES, Column("id", Integer, primary_key=True), Column("events", Integer))
ONE_MORE = update(TOTAL).where(TOTAL.c.id == bindparam("total_id")).values(events=TOTAL.c.events + 1)
EVENTS_OF_A_UNIT = 500


class Counted(DomainEvent):
    name: ClassVar[str] = "bench.counted"
    number: int


@dataclass(frozen=True)
class Delivery:
    """Database, subscriptions and event administration of a running house."""

    database: Database
    subscriptions: Subscriptions
    events: EventService


def inserting(table: Table) -> Handler:
    """Return a projection that keeps a row for each event."""
    insertion = insert(table)

    def keep(uow: UnitOfWork, event: Counted) -> None:
        uow.defer(insertion, {"number": event.number})

    return keep


def add_up(uow: UnitOfWork, _event: Counted) -> None:
    """Count events in one row."""
    uow.defer(ONE_MORE, {"total_id": 1})


@asynccontextmanager
async def delivering(house: House, subscribe: Callable[[EventBus], None]) -> AsyncIterator[Delivery]:
    """Run the subscriptions that `subscribe` makes, and none of the platform's, on a migrated house."""
    settings = Settings(_env_file=None, data_dir=house.folder, database_url=house.database_url)
    container = Container(settings=settings, pending_migrations=None)
    subscribe(container.bus())
    database, subscriptions = container.database(), container.subscriptions()
    database.start()
    try:
        await subscriptions.start()
        yield Delivery(database, subscriptions, container.events())
        await subscriptions.stop()
    finally:
        await database.stop()


def make_tables(uow: UnitOfWork) -> None:
    TABLES.create_all(uow.connection)
    uow.connection.execute(insert(TOTAL), {"id": 1, "events": 0})


def seen(uow: UnitOfWork) -> list[int]:
    """Return how many events each projection has taken in."""
    counts = [select(func.count()).select_from(table) for table in SEEN]
    return [uow.connection.scalar(each) or 0 for each in (*counts, select(func.sum(TOTAL.c.events)))]


async def append(delivery: Delivery, numbers: range) -> None:
    """Record the events in large units of work."""
    for first in range(numbers.start, numbers.stop, EVENTS_OF_A_UNIT):
        await _record(delivery, range(first, min(first + EVENTS_OF_A_UNIT, numbers.stop)))


def nobody(_bus: EventBus) -> None:
    """Let nobody listen."""


async def _record(delivery: Delivery, numbers: range) -> None:
    def record(uow: UnitOfWork) -> None:
        for number in numbers:
            uow.record(Counted(number=number))

    await delivery.database.write(record)
