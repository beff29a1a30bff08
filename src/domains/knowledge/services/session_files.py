"""Files that people put into one of their sessions: for themselves alone, and searched only there."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from uuid_utils.compat import uuid7

from src.domains.knowledge.models import Collection
from src.domains.knowledge.repositories.collections import CollectionRepository
from src.domains.knowledge.repositories.documents import DocumentRepository
from src.domains.knowledge.services.collections import COLLECTIONS, delete_collection, record_readers
from src.domains.knowledge.services.documents import DocumentOverview, DocumentService
from src.domains.knowledge.services.versions import Upload
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict
from src.shared.middleware.authentication import Principal


class TooManyFiles(Conflict):
    code = "too_many_files"


@dataclass(frozen=True)
class FileLimits:
    """How many files a person may have in one session, and in all of them."""

    session: int
    person: int


@dataclass(frozen=True)
class SessionFiles:
    """Implements `Place`: what a person has put into a session, whose id is taken as it is told.

    Another person who tells the same id has a collection of their own.
    """

    session_id: UUID
    limits: FileLimits

    def find(self, uow: UnitOfWork, asker: Principal) -> Collection | None:
        return CollectionRepository(uow).own(asker.user_id, self.session_id)

    def admit(self, uow: UnitOfWork, asker: Principal) -> Collection:
        collection = self.find(uow, asker) or self._make(uow, asker)
        documents = DocumentRepository(uow)
        if documents.count_in(collection.id) >= self.limits.session:
            raise TooManyFiles(
                f"A session takes {self.limits.session} files. Delete one, or begin another session."
            )
        if documents.count_own(asker.user_id) >= self.limits.person:
            raise TooManyFiles(
                f"You have {self.limits.person} files in your sessions. Delete sessions that you do not need."
            )
        return collection

    def _make(self, uow: UnitOfWork, asker: Principal) -> Collection:
        id = uuid7()
        collection = Collection(
            id=id,
            name=str(id),
            description="",
            created_at=utc_now(),
            owner_id=asker.user_id,
            session_id=self.session_id,
            readers=[],
        )
        CollectionRepository(uow).add(collection)
        record_readers(uow, collection)
        return collection


class SessionFileService:
    """Takes in what people put into their sessions, and deletes it with them."""

    def __init__(
        self,
        database: Database,
        documents: DocumentService,
        limits: FileLimits,
        shelves_are_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._documents = documents
        self._limits = limits
        self._shelves_are_current = shelves_are_current

    async def attach(
        self, asker: Principal, session_id: UUID, file_name: str, content: BinaryIO, size_bytes: int
    ) -> Upload:
        """Keep the file and queue it for reading; once it is ready, it is found in this session."""
        files = SessionFiles(session_id, self._limits)
        upload = await self._documents.upload(asker, files, file_name, content, size_bytes)
        await self._shelves_are_current()
        return upload

    async def page(
        self, asker: Principal, session_id: UUID, after: UUID | None, limit: int
    ) -> Sequence[DocumentOverview]:
        return await self._documents.page(asker, SessionFiles(session_id, self._limits), after, limit)

    async def forget(self, owner_id: UUID, session_id: UUID) -> None:
        """Delete what this person has put into the session; where there is nothing, nothing happens."""

        def forget(uow: UnitOfWork) -> None:
            uow.lock(COLLECTIONS)
            if collection := CollectionRepository(uow).own(owner_id, session_id):
                delete_collection(uow, collection)

        await self._database.write(forget, alone=True)
