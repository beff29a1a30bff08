"""A small house: a database, a bus and their subscriptions, without a domain."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from sqlalchemy import select

from src.domains.auth.models import Group
from src.infrastructure.database.checkpoints import ParkedEvent
from src.infrastructure.database.database import Database
from src.infrastructure.database.deliveries import DeliveryPolicy
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.notifications import Notifications
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.operations.events import EventService
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent, utc_now
from src.shared.events.bus import EventBus

FAST = DeliveryPolicy(batch=7, poll_interval=0.02, gather=0, max_attempts=3, first_delay=0.001)

LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN event_log' AND datname = current_database()"
)
"""Asks PostgreSQL for the processes that hear what others append."""


class Counted(DomainEvent):
    name: ClassVar[str] = "test.counted"
    number: int


class Ignored(DomainEvent):
    name: ClassVar[str] = "test.ignored"


class House:
    """One server process's part of a database, as far as events go."""

    def __init__(self, settings: Settings, policy: DeliveryPolicy = FAST) -> None:
        self.bus = EventBus()
        self.engine = database_engine(settings.resolved_database_url, connections=7)
        self.database = Database(self.engine, self.bus.publish)
        self.subscriptions = Subscriptions(self.database, self.bus, policy)
        self.notifications = Notifications(self.engine, self.database.process_id, self.bus.wake_listeners)
        self.events = EventService(self.database, self.subscriptions.positions)

    async def record(self, *numbers: int) -> None:
        """Record these, each followed by an event that nobody wants, in one unit of work."""

        def record(uow: UnitOfWork) -> None:
            for number in numbers:
                uow.record(Counted(number=number))
                uow.record(Ignored())

        await self.database.write(record)

    async def parked(self) -> Sequence[ParkedEvent]:
        return await self.events.parked(None, 200)

    async def groups(self) -> Sequence[str]:
        return await self.database.read(
            lambda uow: uow.session.scalars(select(Group.name).order_by(Group.id)).all()
        )

    async def delivered(self, name: str) -> None:
        await self.subscriptions.wait_until_current(name)


@asynccontextmanager
async def running(
    settings: Settings, subscribe: Callable[[EventBus], None], policy: DeliveryPolicy = FAST
) -> AsyncIterator[House]:
    """Start a house with these subscriptions, and stop it cleanly."""
    house = House(settings, policy)
    subscribe(house.bus)
    house.database.start()
    try:
        await house.subscriptions.start()
        if house.database.shared:
            await house.notifications.start()
        yield house
    finally:
        await house.notifications.stop()
        await house.subscriptions.stop()
        await house.database.stop()


async def until(look: Callable[[], object]) -> None:
    """Wait until something that another task or process does can be seen."""
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110  # it is looked up in the database: nothing else would tell
            await asyncio.sleep(0.01)


def note_as_group(uow: UnitOfWork, event: Counted) -> None:
    """Handle an event so that a second time would be noticed: a group's name is unique."""
    uow.session.add(Group(name=f"{event.number:04}", created_at=utc_now()))


def delete_groups(uow: UnitOfWork) -> None:
    uow.session.execute(Group.__table__.delete())  # type: ignore[attr-defined]  # typed as any selectable


def projecting(
    handler: Callable[[UnitOfWork, Counted], None] = note_as_group, name: str = "p"
) -> Callable[[EventBus], None]:
    """Subscribe a projection that can be replayed."""

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, handler, name=name, kind="projection")
        bus.rebuild_with(delete_groups, name=name)

    return subscribe
