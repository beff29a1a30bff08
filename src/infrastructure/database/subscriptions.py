"""Delivery: each subscription reads the event log past its checkpoint, in order, and nothing is lost.

A projection's changes and its checkpoint are one transaction, so an event has its effect exactly once. A
reaction runs outside any transaction and is delivered at least once. A local subscription keeps its own
position with what it maintains. An event that keeps failing is retried with growing delays, then parked.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, Row
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database import event_log
from src.infrastructure.database.base import primary_id
from src.infrastructure.database.event_log import InfrastructureRecord
from src.infrastructure.database.unit_of_work import Database, UnitOfWork
from src.shared.events.base import DomainEvent, caused_by, utc_now
from src.shared.events.bus import EventBus, Subscription

log = structlog.get_logger(__name__)


class Checkpoint(InfrastructureRecord):
    """How far a subscription has come. `attempts` counts the tries of the event right after `position`."""

    __tablename__ = "event_checkpoint"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)


class ParkedEvent(InfrastructureRecord):
    """An event that a subscription could not take, set aside with its error so that the others go on."""

    __tablename__ = "event_parked"

    id: Mapped[UUID] = primary_id()
    subscription: Mapped[str] = mapped_column(index=True)
    position: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]
    attempts: Mapped[int]
    error: Mapped[str]
    parked_at: Mapped[datetime]


@dataclass(frozen=True)
class DeliveryPolicy:
    """Bounds of the delivery; times in seconds. Delays after a failure double from the first to the longest.

    `gather` is how long a woken projection lets events come together: a batch costs little more than one.
    """

    batch: int = 500
    poll_interval: float = 1.0
    gather: float = 0.05
    max_attempts: int = 8
    first_delay: float = 0.1
    longest_delay: float = 60.0
    stop_grace: float = 10.0

    def delay(self, attempts: int) -> float:
        return min(self.first_delay * 2.0 ** (attempts - 1), self.longest_delay)


@dataclass(frozen=True)
class _Look:
    """What stands in the log past a position: events, and how far the log holds nothing else of interest."""

    events: Sequence[Row[Any]]
    reached: int


class Subscriptions:
    """Runs every subscription of a process, each in a task of its own: a slow or broken one delays nobody."""

    def __init__(self, database: Database, bus: EventBus, policy: DeliveryPolicy) -> None:
        self._database = database
        self._bus = bus
        self._policy = policy
        self._positions: dict[str, int] = {}
        self._one_by_one_until: dict[str, int] = {}
        self._advanced = asyncio.Condition()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Bring the local replicas up to date, then keep delivering in the background."""
        for subscription in self._bus.subscriptions:
            await self._reach(subscription, await self._starting_position(subscription))
        self._tasks = [
            asyncio.create_task(self._run(each), name=each.name) for each in self._bus.subscriptions
        ]

    async def stop(self) -> None:
        """Finish the batch in hand and end; what takes too long is left to be delivered again."""
        self._stopping.set()
        for subscription in self._bus.subscriptions:
            subscription.wake.set()
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=self._policy.stop_grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def running(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def wait_until_current(self, name: str, *, timeout: float = 5.0) -> None:
        """Return once the subscription has taken in all that is committed by now, else raise `TimeoutError`."""
        head = await self._head()
        self._bus.wake(name)
        async with asyncio.timeout(timeout), self._advanced:
            await self._advanced.wait_for(lambda: self._positions.get(name, -1) >= head)

    async def lags(self) -> dict[str, int]:
        """Return for each subscription how many positions of the log it has yet to look at."""
        head = await self._head()
        return {name: max(0, head - position) for name, position in self._positions.items()}

    async def _head(self) -> int:
        return await self._database.read(lambda uow: event_log.head(uow.session))

    async def _starting_position(self, subscription: Subscription) -> int:
        if subscription.replica is None:
            return await self._database.write(lambda uow: _checkpoint(uow, subscription.name).position)
        position = await subscription.replica.position()
        if position is None:
            position = await self._head()
            await subscription.replica.rebuild(position)
        return position

    async def _run(self, subscription: Subscription) -> None:
        failures, last_error = 0, ""
        while not self._stopping.is_set():
            subscription.wake.clear()
            try:
                delivered = await self._deliver(subscription, last_error)
                failures, last_error = 0, ""
            except Exception as error:
                failures, last_error = failures + 1, repr(error)
                log.exception("delivery_failed", subscription=subscription.name, failures=failures)
                await _wait(self._stopping, self._policy.delay(failures))
                continue
            if not delivered:
                await _wait(subscription.wake, self._policy.poll_interval)
                if subscription.kind == "projection":
                    await _wait(self._stopping, self._policy.gather)

    async def _deliver(self, subscription: Subscription, last_error: str) -> bool:
        """Hand over the next events.

        A reaction, and a projection to the end of a batch that failed, takes one at a time, and its attempt is
        counted before it runs: an event that ends the process is parked as well.
        """
        name = subscription.name
        failed_until = self._one_by_one_until.get(name, 0)
        one_by_one = subscription.kind == "reaction" or self._positions[name] < failed_until
        look = await self._look(subscription, 1 if one_by_one else self._policy.batch)
        if look.events and not (one_by_one and await self._parked(subscription, look, last_error)):
            try:
                await self._hand_over(subscription, look)
            except Exception:
                self._one_by_one_until[name] = max(look.reached, failed_until)
                raise
        await self._reach(subscription, look.reached)
        return bool(look.events)

    async def _look(self, subscription: Subscription, limit: int) -> _Look:
        position = self._positions[subscription.name]

        def look(uow: UnitOfWork) -> _Look:
            events = event_log.read(uow.session, position, subscription.event_types, limit)
            if len(events) == limit:
                return _Look(events, events[-1].position)
            return _Look(events, max(position, event_log.head(uow.session)))

        return await self._database.read(look)

    async def _hand_over(self, subscription: Subscription, look: _Look) -> None:
        if subscription.replica:
            await subscription.replica.apply(_decode(subscription, look.events), look.reached)
        elif subscription.kind == "projection":
            await self._database.write(lambda uow: _project(uow, subscription, look))
        else:
            for event in _decode(subscription, look.events):
                with caused_by(event):
                    await subscription.handlers[type(event)](event)
            await self._database.write(lambda uow: _advance(uow, subscription.name, look.reached))

    async def _parked(self, subscription: Subscription, look: _Look, error: str) -> bool:
        """Count an attempt at the next event, or park it when it has had them all; local ones are never parked."""
        if subscription.replica:
            return False
        event = look.events[0]

        def count_or_park(uow: UnitOfWork) -> bool:
            checkpoint = _checkpoint(uow, subscription.name)
            if checkpoint.attempts < self._policy.max_attempts:
                checkpoint.attempts += 1
                return False
            uow.session.add(
                ParkedEvent(
                    subscription=subscription.name,
                    position=event.position,
                    event_id=event.event_id,
                    attempts=checkpoint.attempts,
                    error=error or "the process ended while it was handled",
                    parked_at=utc_now(),
                )
            )
            _advance(uow, subscription.name, look.reached)
            return True

        parked = await self._database.write(count_or_park)
        if parked and (give_up := subscription.give_up.get(subscription.event_types[event.name])):
            await give_up(_decode(subscription, [event])[0])
        return parked

    async def _reach(self, subscription: Subscription, position: int) -> None:
        async with self._advanced:
            self._positions[subscription.name] = position
            self._advanced.notify_all()


def _checkpoint(uow: UnitOfWork, name: str) -> Checkpoint:
    checkpoint = uow.session.get(Checkpoint, name)
    if checkpoint is None:
        checkpoint = Checkpoint(name=name, position=0, attempts=0)
        uow.session.add(checkpoint)
    return checkpoint


def _advance(uow: UnitOfWork, name: str, position: int) -> None:
    checkpoint = _checkpoint(uow, name)
    checkpoint.position, checkpoint.attempts = position, 0


def _project(uow: UnitOfWork, subscription: Subscription, look: _Look) -> None:
    for event in _decode(subscription, look.events):
        with caused_by(event):
            subscription.handlers[type(event)](uow, event)
    _advance(uow, subscription.name, look.reached)


def _decode(subscription: Subscription, events: Sequence[Row[Any]]) -> list[DomainEvent]:
    return [subscription.event_types[event.name].model_validate(event.payload) for event in events]


async def _wait(signal: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await signal.wait()
