"""The event machinery alone, in this process: a migrated database, the bus and subscriptions of our own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, update

from bench.server import House
from src.infrastructure.container import Container
from src.infrastructure.database.database import Database
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent
from src.shared.events.bus import EventBus

Handler = Callable[[UnitOfWork, "Counted"], None]

TABLES = MetaData()
SEEN = [
    Table(f"bench_seen_{name}", TABLES, Column("number", Integer, primary_key=True)) for name in ("a", "b")
]
TOTAL = Table("bench_total", TABLES, Column("id", Integer, primary_key=True), Column("events", Integer))
ONE_MORE = update(TOTAL).where(TOTAL.c.id == 1).values(events=TOTAL.c.events + 1)


class Counted(DomainEvent):
    name: ClassVar[str] = "bench.counted"
    number: int


@dataclass(frozen=True)
class Delivery:
    """Database and subscriptions of a running house."""

    database: Database
    subscriptions: Subscriptions


def inserting(table: Table) -> Handler:
    """Return a projection that keeps a row for each event."""
    insertion = insert(table)

    def keep(uow: UnitOfWork, event: Counted) -> None:
        uow.session.connection().execute(insertion, {"number": event.number})

    return keep


def add_up(uow: UnitOfWork, _event: Counted) -> None:
    """Count events in one row."""
    uow.session.connection().execute(ONE_MORE)


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
        yield Delivery(database, subscriptions)
        await subscriptions.stop()
    finally:
        await database.stop()


def make_tables(uow: UnitOfWork) -> None:
    connection = uow.session.connection()
    TABLES.create_all(connection)
    connection.execute(insert(TOTAL), {"id": 1, "events": 0})


def seen(uow: UnitOfWork) -> list[int]:
    """Return how many events each projection has taken in."""
    counts = [select(func.count()).select_from(table) for table in SEEN]
    return [
        uow.session.connection().scalar(each) or 0 for each in (*counts, select(func.sum(TOTAL.c.events)))
    ]
