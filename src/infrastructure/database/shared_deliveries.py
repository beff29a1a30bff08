"""Delivery to projections and reactions, which all server processes share by their checkpoints.

A batch that failed is taken one event at a time to its end, and each attempt is counted before it runs, in a
transaction of its own: an event that ends the process is counted too. The first batch after a process that ended
without a word is taken that way as well, because it may hold what ended it. An event that has had all its
attempts is parked.
"""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete

from src.infrastructure.database import checkpoints, event_log
from src.infrastructure.database.checkpoints import Checkpoint, LeaseLost, ParkedEvent
from src.infrastructure.database.database import Database
from src.infrastructure.database.deliveries import Delivery, DeliveryPolicy, Look
from src.infrastructure.database.event_log import EventRow
from src.infrastructure.database.faults import NOBODYS_FAULT
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import caused_by
from src.shared.events.bus import Subscription

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Attempt:
    """A try at an event by itself, or one more than it may have."""

    event: EventRow
    is_one_too_many: bool


class SharedDelivery(Delivery):
    """Attempts, parking, and an administrator's wish to try parked events again."""

    def __init__(self, database: Database, subscription: Subscription, policy: DeliveryPolicy) -> None:
        super().__init__(database, subscription, policy)
        self._holder = database.process_id
        self._one_by_one_until = 0
        self._in_hand_until = 0
        self._retry_requested = False
        self._error: str | None = None

    async def start(self) -> None:
        look = await self._database.write(self._begin, alone=True)
        self._one_by_one_until = look.events[-1].position if look and look.events else 0

    async def finish(self) -> None:
        """Tell the next process that this one ended well; without that it only goes on with more care."""
        try:
            await self._database.write(self._end, alone=True)
        except NOBODYS_FAULT:
            log.warning("end_not_told", subscription=self.name)

    def _begin(self, uow: UnitOfWork) -> Look | None:
        """Return the next batch if a process ended without a word, and say that this one begins."""
        checkpoint = uow.session.get_one(Checkpoint, self.name, with_for_update=True)
        self.position = checkpoint.position
        ended_well = checkpoint.leased_by is None
        self._say_that_it_runs(checkpoint)
        return None if ended_well else self._look(uow, self.position, self._policy.batch)

    def _end(self, uow: UnitOfWork) -> None:
        checkpoint = uow.session.get_one(Checkpoint, self.name, with_for_update=True)
        if checkpoint.leased_by == self._holder:
            checkpoint.release()

    def _say_that_it_runs(self, checkpoint: Checkpoint) -> None:
        """Leave a name in the row that `finish` takes back; a reaction's lease does that by itself."""

    async def deliver(self) -> bool:
        try:
            if self.position < self._one_by_one_until:
                delivered = await self._deliver_one()
            else:
                delivered = await self._take(self._policy.batch)
            if self._retry_requested:
                await self._retry_parked()
        except LeaseLost:
            log.warning("lease_lost", subscription=self.name)
            return False
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            self._error = repr(error)
            self._one_by_one_until = max(self._one_by_one_until, self._in_hand_until)
            raise
        self._error = None
        return delivered

    @abstractmethod
    async def _take(self, limit: int) -> bool:
        """Deliver up to so many events past the checkpoint; tell whether there were as many."""

    @abstractmethod
    async def _retry_next(self) -> bool:
        """Deliver the next parked event that shall be tried again; tell whether there was one."""

    def _claim(self, uow: UnitOfWork) -> Checkpoint | None:
        checkpoint = checkpoints.claim(uow, self.name, self._holder)
        if checkpoint:
            self.position = checkpoint.position
            self._retry_requested = checkpoint.retry_requested
        return checkpoint

    def _look_past(self, uow: UnitOfWork, checkpoint: Checkpoint, limit: int) -> Look:
        look = self._look(uow, checkpoint.position, limit)
        if look.events:
            self._in_hand_until = look.events[-1].position
        else:
            checkpoint.advance(look.reached)
        return look

    def _has_taken(self, look: Look | None, limit: int) -> bool:
        """Note how far a committed step has come; tell whether it may go on at once."""
        if look is None:
            return False
        self.position = look.reached
        self.delivered += len(look.events)
        return len(look.events) == limit

    async def _deliver_one(self) -> bool:
        attempt = await self._database.write(self._count_attempt, alone=True)
        if attempt is None:
            return False
        if not attempt.is_one_too_many:
            return await self._take(1)
        await self._give_up(attempt.event)
        await self._database.write(lambda uow: self._park(uow, attempt.event), alone=True)
        return True

    def _count_attempt(self, uow: UnitOfWork) -> _Attempt | None:
        """Count an attempt at the next event; None when there is none, or another process delivers."""
        checkpoint = self._claim(uow)
        if checkpoint is None:
            return None
        look = self._look_past(uow, checkpoint, 1)
        if not look.events:
            return None
        if checkpoint.attempts:
            checkpoint.error = self._error or checkpoint.error
        if checkpoint.attempts >= self._policy.max_attempts:
            return _Attempt(look.events[0], is_one_too_many=True)
        checkpoint.attempts += 1
        return _Attempt(look.events[0], is_one_too_many=False)

    async def _give_up(self, event: EventRow) -> None:
        """Tell whoever wants to know, before the event is parked: better twice than never."""
        if give_up := self.subscription.give_up.get(self.subscription.event_types[event.name]):
            try:
                await give_up(self._decode(event))
            except Exception:
                log.exception("give_up_failed", subscription=self.name, position=event.position)

    def _park(self, uow: UnitOfWork, event: EventRow) -> None:
        checkpoint = self._claim(uow)
        if checkpoint and checkpoint.position < event.position:
            log.error("event_parked", subscription=self.name, position=event.position, error=checkpoint.error)
            checkpoints.park(uow, checkpoint, event)

    async def _retry_parked(self) -> None:
        try:
            while await self._retry_next():
                log.info("parked_event_delivered", subscription=self.name)
        except Exception as error:
            log.exception("parked_event_failed_again", subscription=self.name)
            failure = repr(error)
            await self._database.write(
                lambda uow: checkpoints.note_failed_retry(uow, self.name, failure), alone=True
            )


class ProjectionDelivery(SharedDelivery):
    """The handlers' changes and the checkpoint are one transaction: each event has its effect exactly once."""

    def _say_that_it_runs(self, checkpoint: Checkpoint) -> None:
        checkpoint.lease(self._holder, checkpoints.NEVER)  # a name, but no claim on anything

    async def _take(self, limit: int) -> bool:
        look = await self._database.write(lambda uow: self._project(uow, limit), alone=True)
        return self._has_taken(look, limit)

    def _project(self, uow: UnitOfWork, limit: int) -> Look | None:
        checkpoint = self._claim(uow)
        if checkpoint is None:
            return None
        if checkpoint.replay_requested:
            self._begin_anew(uow, checkpoint)
        look = self._look_past(uow, checkpoint, limit)
        for event in look.events:
            self._handle(uow, event)
        if look.events:
            self._sum_up(uow)
        checkpoint.advance(look.reached)
        return look

    def _begin_anew(self, uow: UnitOfWork, checkpoint: Checkpoint) -> None:
        """Empty the projection's tables and go back to the beginning of the log, if that is still there."""
        checkpoint.replay_requested = False
        clear = self.subscription.clear
        if clear is None or event_log.trimmed_to(uow.connection):
            log.error("replay_refused", subscription=self.name)
            return
        clear(uow)
        uow.session.execute(delete(ParkedEvent).where(ParkedEvent.subscription == self.name))
        checkpoint.position, checkpoint.attempts, checkpoint.error = 0, 0, None
        self.position = self._one_by_one_until = 0
        log.info("replay_begins", subscription=self.name)

    def _handle(self, uow: UnitOfWork, event: EventRow) -> None:
        decoded = self._decode(event)
        with caused_by(decoded):
            self.subscription.handlers[type(decoded)](uow, decoded)

    async def _retry_next(self) -> bool:
        return await self._database.write(self._project_parked, alone=True)

    def _project_parked(self, uow: UnitOfWork) -> bool:
        if self._claim(uow) is None or (parked := checkpoints.wanted_retry(uow, self.name)) is None:
            return False
        self._handle(uow, _logged(uow, parked))
        self._sum_up(uow)
        uow.session.delete(parked)
        return True

    def _sum_up(self, uow: UnitOfWork) -> None:
        if self.subscription.sum_up:
            uow.run_deferred()
            self.subscription.sum_up(uow)


class ReactionDelivery(SharedDelivery):
    """The handlers run outside any transaction, under a lease: each event is delivered at least once."""

    async def _take(self, limit: int) -> bool:
        look = await self._database.write(lambda uow: self._lease_and_look(uow, limit), alone=True)
        if look and look.events:
            async with self._kept_lease():
                look = await self._react(look)
        return self._has_taken(look, limit)

    def _lease_and_look(self, uow: UnitOfWork, limit: int) -> Look | None:
        checkpoint = self._claim(uow)
        if checkpoint is None:
            return None
        look = self._look_past(uow, checkpoint, limit)
        if look.events:
            self._lease(uow, checkpoint)
        return look

    async def _react(self, look: Look) -> Look:
        """Handle the events, saving now and then how far it has come; return what was handled."""
        handled, saved_at = 0, time.monotonic()

        def reached() -> int:
            return look.reached if handled == len(look.events) else look.events[handled].position - 1

        try:
            for event in look.events:
                if self.stopping.is_set():
                    break
                await self._handle(event)
                handled += 1
                if time.monotonic() - saved_at > self._policy.save_every:
                    await self._save(event.position)
                    saved_at = time.monotonic()
        except asyncio.CancelledError:
            await self._save(reached())  # cut off: whoever takes over the lease goes on with care
            raise
        except Exception:
            await self._save(reached(), release=True)
            raise
        await self._save(reached(), release=True)
        return Look(look.events[:handled], reached())

    async def _handle(self, event: EventRow) -> None:
        decoded = self._decode(event)
        with caused_by(decoded):
            await self.subscription.handlers[type(decoded)](decoded)

    async def _save(self, reached: int, *, release: bool = False) -> None:
        def save(uow: UnitOfWork) -> None:
            checkpoint = checkpoints.claim_leased(uow, self.name, self._holder)
            checkpoint.advance(reached)
            if release:
                checkpoint.release()
            else:
                self._lease(uow, checkpoint)

        await self._database.write(save, alone=True)

    @asynccontextmanager
    async def _kept_lease(self) -> AsyncIterator[None]:
        """Renew the lease in the background, however long a handler takes."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._policy.lease / 3)
                await self._save(0)

        renewal = asyncio.create_task(renew(), name=f"{self.name}-lease")
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    def _lease(self, uow: UnitOfWork, checkpoint: Checkpoint) -> None:
        checkpoint.lease(self._holder, checkpoints.now(uow) + timedelta(seconds=self._policy.lease))

    async def _retry_next(self) -> bool:
        found = await self._database.write(self._lease_parked, alone=True)
        if found is None:
            return False
        parked_id, event = found
        async with self._kept_lease():
            try:
                await self._handle(event)
            except BaseException:
                await self._save(0, release=True)
                raise
        await self._database.write(lambda uow: self._unpark(uow, parked_id), alone=True)
        return True

    def _lease_parked(self, uow: UnitOfWork) -> tuple[UUID, EventRow] | None:
        checkpoint = self._claim(uow)
        if checkpoint is None or (parked := checkpoints.wanted_retry(uow, self.name)) is None:
            return None
        self._lease(uow, checkpoint)
        return parked.id, _logged(uow, parked)

    def _unpark(self, uow: UnitOfWork, parked_id: UUID) -> None:
        checkpoints.claim_leased(uow, self.name, self._holder).release()
        uow.session.execute(delete(ParkedEvent).where(ParkedEvent.id == parked_id))


def _logged(uow: UnitOfWork, parked: ParkedEvent) -> EventRow:
    event = event_log.at(uow.connection, parked.position)
    if event is None:
        raise LookupError(f"event {parked.event_id} is no longer in the log")
    return event
