"""Trimming of the event log: off by default, never past a projection or a reaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select

from src.infrastructure.database import event_log
from src.infrastructure.database.checkpoints import Checkpoint, ParkedEvent
from src.infrastructure.database.database import Database
from src.infrastructure.database.event_log import LoggedEvent, TrimmedLog
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RetentionPolicy:
    """What of the log is kept; None keeps everything. When both are given, an event must be over both."""

    days: float | None = None
    events: int | None = None
    interval: float = 60.0
    chunk: int = 5_000

    @property
    def trims(self) -> bool:
        return self.days is not None or self.events is not None


class Retention:
    """Trims the log now and then, in small pieces: everybody who writes waits for one of them at most."""

    def __init__(self, database: Database, policy: RetentionPolicy) -> None:
        self._held_up_by: tuple[str, ...] = ()
        self._database = database
        self._policy = policy
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._policy.trims:
            self._task = asyncio.create_task(self._run(), name="event-log-retention")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def held_up_by(self) -> Sequence[str]:
        """Return the subscriptions that the log waits for, behind what the policy would keep."""
        return self._held_up_by

    async def trim(self) -> int:
        """Trim all that may go; return how many events went."""
        trimmed = 0
        wanted = await self._database.read(self._wanted)
        while True:
            deleted, is_done = await self._database.write(
                lambda uow: self._trim_chunk(uow, wanted), alone=True
            )
            trimmed += deleted
            if is_done:
                return trimmed

    async def _run(self) -> None:
        while True:
            try:
                if trimmed := await self.trim():
                    log.info("event_log_trimmed", events=trimmed)
            except Exception:
                log.exception("trimming_failed")
            await asyncio.sleep(self._policy.interval)

    def _wanted(self, uow: UnitOfWork) -> int:
        """Return the position up to which the policy keeps nothing."""
        limits = []
        if self._policy.events is not None:
            newest = select(LoggedEvent.position).order_by(LoggedEvent.position.desc())
            limits.append(uow.connection.scalar(newest.offset(self._policy.events).limit(1)) or 0)
        if self._policy.days is not None:
            before = utc_now() - timedelta(days=self._policy.days)
            young = select(LoggedEvent.position).where(LoggedEvent.occurred_at >= before)
            first = uow.connection.scalar(young.order_by(LoggedEvent.position).limit(1))
            limits.append(event_log.head(uow.connection) if first is None else first - 1)
        return min(limits)

    def _trim_chunk(self, uow: UnitOfWork, wanted: int) -> tuple[int, bool]:
        uow.lock(TrimmedLog.__tablename__)
        slowest = uow.connection.execute(select(Checkpoint.name, Checkpoint.position)).all()
        self._tell_who_holds_up([name for name, position in slowest if position < wanted])
        limit = min([wanted, *(position for _name, position in slowest)])
        trimmed = event_log.trimmed_to(uow.connection)
        up_to = max(trimmed, min(limit, trimmed + self._policy.chunk))
        if up_to == 0:
            return 0, True
        # Parked events stay until they are taken, and go with a later round.
        keep = uow.connection.scalars(select(ParkedEvent.position).where(ParkedEvent.position <= up_to))
        return event_log.trim(uow.connection, up_to, keep.all()), up_to >= limit

    def _tell_who_holds_up(self, names: Sequence[str]) -> None:
        if set(names) - set(self._held_up_by):
            log.warning("trimming_held_up", subscriptions=names)
        self._held_up_by = tuple(names)
