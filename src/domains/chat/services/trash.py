"""What is kept for a while only is erased when its time has come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from src.domains.chat.repositories.spending import SpendingRepository
from src.domains.chat.repositories.trash import Kind, TrashRepository
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.sessions import erase
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now

log = structlog.get_logger(__name__)

KEYS_KEPT = timedelta(days=1)
ACCOUNTS_KEPT = timedelta(days=2)
"""How long what was used of a budget is kept after its day or month: until every answer of it is settled."""


@dataclass(frozen=True)
class TrashPolicy:
    """For how long what is kept; how often (in seconds) and how much at once is erased."""

    deleted: timedelta
    temporary: timedelta
    openai: timedelta
    deleted_every: float = 3_600.0
    temporary_every: float = 180.0
    sessions_at_once: int = 20
    keys_at_once: int = 1_000
    accounts_at_once: int = 1_000


class Trash:
    """Erases, in small pieces: everybody who writes waits for one of them at most.

    Each process does; a session that one of them has in hand, or that was used meanwhile, is left alone.
    """

    def __init__(self, database: Database, documents: DeletedDocuments, policy: TrashPolicy) -> None:
        self._database = database
        self._documents = documents
        self._policy = policy
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(_repeat(self.empty, self._policy.deleted_every), name="chat-trash"),
            asyncio.create_task(
                _repeat(self.erase_temporary, self._policy.temporary_every), name="chat-temporary"
            ),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def empty(self) -> None:
        """Erase sessions of long ago, old names of requests, ended budgets, and citations of what is gone."""
        await self._erase_sessions("deleted", self._policy.deleted)
        await self._erase_sessions("openai", self._policy.openai)
        delete_keys = partial(_delete_keys, utc_now() - KEYS_KEPT, self._policy.keys_at_once)
        while await self._database.write(delete_keys, alone=True):
            pass
        delete_accounts = partial(_delete_accounts, utc_now() - ACCOUNTS_KEPT, self._policy.accounts_at_once)
        while await self._database.write(delete_accounts, alone=True):
            pass
        await self._documents.erase_late_citations()

    async def erase_temporary(self) -> None:
        """Erase temporary sessions that nobody has used for a while."""
        await self._erase_sessions("temporary", self._policy.temporary)

    async def _erase_sessions(self, kind: Kind, kept: timedelta) -> None:
        before, most = utc_now() - kept, self._policy.sessions_at_once
        due = await self._database.read(partial(_due, kind, before, None, most))
        while due:
            erased = await self._database.write(partial(_erase_due, kind, before, due), alone=True)
            log.info("sessions_erased", kind=kind, sessions=erased)
            due = await self._database.read(partial(_due, kind, before, due[-1], most))


def _due(kind: Kind, before: datetime, after: UUID | None, most: int, uow: UnitOfWork) -> Sequence[UUID]:
    return TrashRepository(uow).due(kind, before, after, most)


def _erase_due(kind: Kind, before: datetime, due: Sequence[UUID], uow: UnitOfWork) -> int:
    sessions = TrashRepository(uow).claim(kind, before, due)
    for session in sessions:
        erase(uow, session)
    return len(sessions)


def _delete_keys(before: datetime, most: int, uow: UnitOfWork) -> bool:
    """Delete some; tell whether there may be more."""
    return TrashRepository(uow).delete_keys(before, most) == most


def _delete_accounts(before: datetime, most: int, uow: UnitOfWork) -> bool:
    """Delete some; tell whether there may be more."""
    return SpendingRepository(uow).delete_ended(before, most) == most


async def _repeat(work: Callable[[], Awaitable[None]], every: float) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.exception("erasing_failed")
        await asyncio.sleep(every)
