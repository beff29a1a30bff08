"""How far each shared subscription has come, and the events that were set aside.

A checkpoint's row is what server processes share a subscription by: whoever locks it delivers. A projection
holds that lock through its transaction. A reaction has no transaction open while it runs, so it writes a lease
into the row, and can save its progress only while the lease is still its own.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database import event_log
from src.infrastructure.database.base import primary_id
from src.infrastructure.database.event_log import EventRow, InfrastructureRecord
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.bus import Kind

log = structlog.get_logger(__name__)

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class LeaseLost(Exception):
    """Another process has taken the subscription over; what it has not seen saved it delivers again."""


class Checkpoint(InfrastructureRecord):
    """How far a projection or a reaction has come.

    `attempts` and `error` are of the event right after `position`. `replay_requested` and `retry_requested`
    are an administrator's wishes; the process that delivers next carries them out.
    """

    __tablename__ = "event_checkpoint"

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    leased_by: Mapped[str | None]
    leased_until: Mapped[datetime] = mapped_column(default=NEVER)
    replay_requested: Mapped[bool] = mapped_column(default=False)
    retry_requested: Mapped[bool] = mapped_column(default=False)

    def advance(self, position: int) -> None:
        if position > self.position:
            self.position, self.attempts, self.error = position, 0, None

    def lease(self, holder: str, until: datetime) -> None:
        self.leased_by, self.leased_until = holder, until

    def release(self) -> None:
        self.leased_by = None


class ParkedEvent(InfrastructureRecord):
    """An event that a subscription could not take, set aside with its error so that the others go on."""

    __tablename__ = "event_parked"

    id: Mapped[UUID] = primary_id()
    subscription: Mapped[str] = mapped_column(index=True)
    position: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]
    name: Mapped[str]
    attempts: Mapped[int]
    error: Mapped[str]
    parked_at: Mapped[datetime]
    retry_requested: Mapped[bool] = mapped_column(default=False)


def register(uow: UnitOfWork, kinds: Mapping[str, Kind]) -> None:
    """Make the checkpoints of new subscriptions, at the beginning of the log."""
    uow.lock(Checkpoint.__tablename__)
    known = {checkpoint.name: checkpoint for checkpoint in uow.session.scalars(select(Checkpoint))}
    for name, kind in kinds.items():
        if name in known:
            known[name].kind = kind
            continue
        uow.session.add(Checkpoint(name=name, kind=kind))
        if trimmed := event_log.trimmed_to(uow.connection):
            log.warning("subscription_begins_in_a_trimmed_log", subscription=name, trimmed_to=trimmed)


def claim(uow: UnitOfWork, name: str, holder: str) -> Checkpoint | None:
    """Lock the subscription's row until the commit; None when another process delivers it."""
    row = select(Checkpoint).where(Checkpoint.name == name).with_for_update(skip_locked=True)
    checkpoint = uow.session.scalar(row)
    if checkpoint and checkpoint.leased_by not in (None, holder) and checkpoint.leased_until > now(uow):
        return None
    return checkpoint


def claim_leased(uow: UnitOfWork, name: str, holder: str) -> Checkpoint:
    """Lock the row under one's own lease; raise `LeaseLost` when it is another's by now."""
    checkpoint = uow.session.get_one(Checkpoint, name, with_for_update=True)
    if checkpoint.leased_by != holder:
        raise LeaseLost(name)
    return checkpoint


def release_reactions(uow: UnitOfWork) -> None:
    """End the leases of processes that are gone, where there can be no other process."""
    uow.session.execute(update(Checkpoint).where(Checkpoint.kind == "reaction").values(leased_by=None))


def park(uow: UnitOfWork, checkpoint: Checkpoint, event: EventRow) -> None:
    """Set the next event aside with what was wrong, and go on behind it."""
    uow.session.add(
        ParkedEvent(
            subscription=checkpoint.name,
            position=event.position,
            event_id=event.event_id,
            name=event.name,
            attempts=checkpoint.attempts,
            error=checkpoint.error or "The process ended while it was handled.",
            parked_at=utc_now(),
        )
    )
    checkpoint.advance(event.position)


def wanted_retry(uow: UnitOfWork, name: str) -> ParkedEvent | None:
    """Return the oldest parked event that an administrator wants to be tried again; with none, the wish ends."""
    wanted = select(ParkedEvent).where(ParkedEvent.subscription == name, ParkedEvent.retry_requested)
    parked = uow.session.scalar(wanted.order_by(ParkedEvent.position).limit(1))
    if parked is None:
        uow.session.execute(update(Checkpoint).where(Checkpoint.name == name).values(retry_requested=False))
    return parked


def note_failed_retry(uow: UnitOfWork, name: str, error: str) -> None:
    """Keep the event that was tried again where it is, with its newest error."""
    if parked := wanted_retry(uow, name):
        parked.attempts, parked.error, parked.retry_requested = parked.attempts + 1, error, False


def now(uow: UnitOfWork) -> datetime:
    """Return the time by the clock that all processes share."""
    if uow.connection.dialect.name == "postgresql":
        told: datetime = uow.connection.execute(select(func.clock_timestamp())).scalar_one()
        return told
    return utc_now()
