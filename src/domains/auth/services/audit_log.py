"""The audit log as administrators read it, and for how long it is kept."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from src.domains.auth.models import AuditEntry
from src.domains.auth.repositories.audit import AuditFilter, AuditRepository, Link
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.audit import head_of
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import AuditExported
from src.shared.events.base import utc_now
from src.shared.middleware.authentication import Principal
from src.shared.spreadsheets import csv_line

AUDIT = "auth.audit"
"""The lock of those who cut the log."""

COLUMNS = (
    "number",
    "occurred_at",
    "actor_id",
    "actor_email",
    "action",
    "target",
    "before",
    "details",
    "channel",
    "address",
    "api_key_id",
    "request_id",
    "hash",
)
"""What an export has of an entry."""

EXPORTED_AT_ONCE = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AuditView:
    """An entry, and the address that its actor has now; None when there is no such account."""

    entry: AuditEntry
    actor_email: str | None


class AuditLog:
    """Reads the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Link:
        """Return the newest link. Whoever keeps it elsewhere can show later that nothing before it was changed."""
        return await self._database.read(head_of)

    async def page(self, wanted: AuditFilter, before: UUID | None, limit: int) -> Sequence[AuditView]:
        """Return entries, newest first."""

        def page(uow: UnitOfWork) -> list[AuditView]:
            return _views(uow, AuditRepository(uow).page(wanted, before, limit))

        return await self._database.read(page)

    async def export(self, admin: Principal, wanted: AuditFilter) -> AsyncIterator[str]:
        """Return the entries as CSV, oldest first, up to the newest one there is now."""
        filters = {name: str(value) for name, value in vars(wanted).items() if value is not None}
        exported = AuditExported(user_id=admin.user_id, filters=filters)
        head = await self._database.read(head_of)
        await self._database.write(lambda uow: uow.record(exported))
        return self._lines(admin, wanted, head.number)

    async def _lines(self, admin: Principal, wanted: AuditFilter, last: int) -> AsyncIterator[str]:
        yield csv_line(COLUMNS)
        number = 0

        def page(uow: UnitOfWork) -> list[AuditView]:
            return _views(uow, AuditRepository(uow).after(number, EXPORTED_AT_ONCE, wanted))

        while views := await self._database.read(page):
            if refusal := admin.refusal():
                raise refusal
            yield "".join(_line(view) for view in views if view.entry.number <= last)
            number = views[-1].entry.number
            if number >= last:
                return


class AuditRetention:
    """Cuts what is older than the log is to be kept, in small pieces; by default nothing."""

    def __init__(
        self, database: Database, kept: timedelta | None, *, every: float = 3_600.0, chunk: int = 5_000
    ) -> None:
        self._database = database
        self._kept = kept
        self._every = every
        self._chunk = chunk
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._kept:
            self._task = asyncio.create_task(self._run(self._kept), name="audit-retention")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def cut(self, kept: timedelta) -> None:
        """Delete the entries before the first one that is young enough. The chain goes on from there."""

        def cut(uow: UnitOfWork) -> bool:
            uow.lock(AUDIT)
            audit = AuditRepository(uow)
            last = audit.last_before(before, self._chunk)
            if last:
                audit.cut(last)
            return last is not None

        before = utc_now() - kept
        while await self._database.write(cut, alone=True):
            pass

    async def _run(self, kept: timedelta) -> None:
        while True:
            try:
                await self.cut(kept)
            except Exception:
                log.exception("cutting_the_audit_log_failed")
            await asyncio.sleep(self._every)


def _views(uow: UnitOfWork, entries: Sequence[AuditEntry]) -> list[AuditView]:
    emails = UserRepository(uow).emails({entry.actor_id for entry in entries if entry.actor_id})
    return [AuditView(entry, emails.get(entry.actor_id) if entry.actor_id else None) for entry in entries]


def _line(view: AuditView) -> str:
    entry = view.entry
    told = {
        "actor_email": view.actor_email,
        "hash": entry.hash.hex(),
        "occurred_at": entry.occurred_at.isoformat(),
    }
    return csv_line(told[name] if name in told else getattr(entry, name) for name in COLUMNS)
