"""Documents: upload, status, deletion, and reading them into passages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from src.domains.knowledge.models import Document, StoredPassage
from src.domains.knowledge.repositories import DocumentRepository, PassageRepository
from src.domains.knowledge.services.collections import COLLECTIONS, UnknownCollection, find_collection
from src.domains.knowledge.services.ports import DocumentReader, FileStore, PassageDraft, UnreadableDocument
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.knowledge import (
    DocumentDeleted,
    DocumentFailed,
    DocumentReady,
    DocumentUploaded,
    PassagesChanged,
)
from src.shared.exceptions.errors import InvalidRequest, NotFound, TooLarge
from src.shared.middleware.authentication import Principal

log = structlog.get_logger(__name__)

HEAD_BYTES = 4096
"""How much of a file its type is told by before it is taken in."""

UPLOAD_TIME = timedelta(hours=1)
"""How long an upload may take at the most."""

MAX_TITLE_CHARACTERS = 255


class UnknownDocument(NotFound):
    code = "unknown_document"


class EmptyDocument(InvalidRequest):
    code = "empty_document"


class FileNameTooLong(InvalidRequest):
    code = "file_name_too_long"


class DocumentTooLarge(TooLarge):
    code = "document_too_large"


class DocumentService:
    """Takes files in and lets those who may read their collection see how they fare."""

    def __init__(
        self, database: Database, files: FileStore, reader: DocumentReader, max_upload_bytes: int
    ) -> None:
        self._database = database
        self._files = files
        self._reader = reader
        self._max_upload_bytes = max_upload_bytes

    async def upload(
        self, asker: Principal, collection_id: UUID, file_name: str, content: BinaryIO, size_bytes: int
    ) -> Document:
        """Keep the file and queue it for reading. Nothing is kept of one that is refused."""
        await self._database.read(lambda uow: find_collection(uow, asker, collection_id))
        title = _last_part(file_name)
        self._check(title, content, size_bytes)
        document = Document(
            id=uuid7(),
            collection_id=collection_id,
            title=title,
            size_bytes=size_bytes,
            status="pending",
            created_by=asker.user_id,
            created_at=utc_now(),
        )
        document_id = document.id
        await asyncio.to_thread(self._files.save, document_id, content)

        def save(uow: UnitOfWork) -> None:
            uow.lock(COLLECTIONS)
            find_collection(uow, asker, collection_id)
            DocumentRepository(uow).add(document)
            uow.record(
                DocumentUploaded(
                    document_id=document_id,
                    collection_id=collection_id,
                    user_id=asker.user_id,
                    size_bytes=size_bytes,
                )
            )

        try:
            await self._database.write(save, alone=True)
        except Exception:
            await asyncio.to_thread(self._files.delete, document_id)
            raise
        return document

    async def page(
        self, asker: Principal, collection_id: UUID, after: UUID | None, limit: int
    ) -> Sequence[Document]:
        def page(uow: UnitOfWork) -> Sequence[Document]:
            find_collection(uow, asker, collection_id)
            return DocumentRepository(uow).page(collection_id, after, limit)

        return await self._database.read(page)

    async def get(self, asker: Principal, document_id: UUID) -> Document:
        return await self._database.read(lambda uow: _find_document(uow, asker, document_id))

    async def delete(self, asker: Principal, document_id: UUID) -> None:
        """Delete the document with its passages and its file; from now on nothing of it is found."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(COLLECTIONS)
            document = _find_document(uow, asker, document_id)
            uow.record(DocumentDeleted(document_id=document_id, collection_id=document.collection_id))
            DocumentRepository(uow).delete(document)

        await self._database.write(delete, alone=True)

    def _check(self, title: str, content: BinaryIO, size_bytes: int) -> None:
        if len(title) > MAX_TITLE_CHARACTERS:
            raise FileNameTooLong(
                f"The file's name is longer than {MAX_TITLE_CHARACTERS} characters. Rename it."
            )
        if size_bytes == 0:
            raise EmptyDocument("The file is empty.")
        if size_bytes > self._max_upload_bytes:
            raise DocumentTooLarge(
                f"The file is larger than {self._max_upload_bytes // 1_048_576} MiB. Split it into smaller ones."
            )
        head = content.read(HEAD_BYTES)
        content.seek(0)
        self._reader.check(head, title)


class IngestionService:
    """Reads uploaded files into passages. Every step can be repeated after a crash."""

    def __init__(
        self,
        database: Database,
        files: FileStore,
        reader: DocumentReader,
        index_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._files = files
        self._reader = reader
        self._index_is_current = index_is_current

    async def start(self) -> None:
        """Delete files that a crash left without their document.

        Another process may be taking in a file right now, whose document is not saved yet: young ones stay.
        """
        unchanged_for = UPLOAD_TIME if self._database.shared else timedelta()
        known = await self._database.read(lambda uow: DocumentRepository(uow).all_ids())
        await asyncio.to_thread(self._files.delete_unknown, known, unchanged_for)

    async def ingest(self, document_id: UUID) -> None:
        """Read the file, save its passages, wait for the index, and only then call the document ready."""
        title = await self._database.write(lambda uow: _begin(uow, document_id))
        if title is None:
            return
        try:
            drafts = await self._reader.read(self._files.path(document_id), title, lambda _progress: None)
        except UnreadableDocument as error:
            reason = str(error)
            log.info("document_unreadable", document_id=str(document_id), reason=reason)
            await self._database.write(lambda uow: _fail(uow, document_id, reason))
            return
        await self._database.write(lambda uow: _save_passages(uow, document_id, drafts), alone=True)
        await self._index_is_current()
        await self._database.write(lambda uow: _finish(uow, document_id))

    async def give_up(self, document_id: UUID) -> None:
        """Call a document failed that could not be read in all its attempts."""
        reason = "The file could not be read, though it was tried several times. Try it in smaller parts."
        await self._database.write(lambda uow: _fail(uow, document_id, reason))

    async def erase(self, document_id: UUID) -> None:
        """Delete the file of a document that was deleted."""
        await asyncio.to_thread(self._files.delete, document_id)


def _last_part(file_name: str) -> str:
    """Return a file's name without the folders that some clients send along."""
    return file_name.replace("\\", "/").rsplit("/", 1)[-1]


def _find_document(uow: UnitOfWork, asker: Principal, document_id: UUID) -> Document:
    document = DocumentRepository(uow).get(document_id)
    unknown = UnknownDocument("There is no such document, or you may not see it.")
    if document is None:
        raise unknown
    try:
        find_collection(uow, asker, document.collection_id)
    except UnknownCollection:
        raise unknown from None
    return document


def _begin(uow: UnitOfWork, document_id: UUID) -> str | None:
    """Return the title of a document that still waits to be read, None when it is done or deleted."""
    document = DocumentRepository(uow).get(document_id)
    if document is None or document.status in ("ready", "failed"):
        return None
    document.status = "processing"
    return document.title


def _save_passages(uow: UnitOfWork, document_id: UUID, drafts: Sequence[PassageDraft]) -> None:
    document = DocumentRepository(uow).get(document_id)
    if document is None:
        return
    document.passage_count = len(drafts)
    passages = [
        StoredPassage(document_id=document_id, ordinal=ordinal, location=draft.location, text=draft.text)
        for ordinal, draft in enumerate(drafts)
    ]
    PassageRepository(uow).replace(document_id, passages)
    uow.record(PassagesChanged(document_id=document_id, collection_id=document.collection_id))


def _finish(uow: UnitOfWork, document_id: UUID) -> None:
    document = DocumentRepository(uow).get(document_id)
    if document is None:
        return
    document.status = "ready"
    uow.record(
        DocumentReady(
            document_id=document_id,
            collection_id=document.collection_id,
            passage_count=document.passage_count,
        )
    )


def _fail(uow: UnitOfWork, document_id: UUID, reason: str) -> None:
    document = DocumentRepository(uow).get(document_id)
    if document is None:
        return
    document.status, document.reason = "failed", reason
    uow.record(DocumentFailed(document_id=document_id, collection_id=document.collection_id, reason=reason))
