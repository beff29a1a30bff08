"""Documents: taking files in, how they fare, what is in them, and their deletion."""

import asyncio
import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from collections.abc import Collection as Ids
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from uuid_utils.compat import uuid7

from src.domains.knowledge.models import Collection, Document, DocumentVersion, StoredPassage
from src.domains.knowledge.repositories.collections import CollectionRepository
from src.domains.knowledge.repositories.documents import DocumentRepository, VersionRepository
from src.domains.knowledge.repositories.passages import PassageRepository
from src.domains.knowledge.services.collections import (
    COLLECTIONS,
    check_manages,
    delete_collection,
    visible_groups,
)
from src.domains.knowledge.services.ports import DocumentReader, FileStore
from src.domains.knowledge.services.versions import (
    Holder,
    Incoming,
    Place,
    Upload,
    check_room,
    known_upload,
    take_in,
)
from src.infrastructure.database.database import Database
from src.infrastructure.database.faults import OutcomeUnknown
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.knowledge import DocumentDeleted
from src.shared.exceptions.errors import Conflict, InvalidRequest, NotFound, TooLarge
from src.shared.middleware.authentication import Principal

HEAD_BYTES = 4096
"""How much of a file its type is told by before it is taken in."""

MAX_TITLE_CHARACTERS = 255
MAX_SOURCE_BYTES = 2000
"""An index of PostgreSQL takes no more."""


class UnknownDocument(NotFound):
    code = "unknown_document"


class NothingLive(NotFound):
    code = "nothing_live"


class EmptyDocument(InvalidRequest):
    code = "empty_document"


class FileNameTooLong(InvalidRequest):
    code = "file_name_too_long"


class UnknownCursor(InvalidRequest):
    code = "unknown_cursor"


class NotFailed(Conflict):
    code = "not_failed"


class DocumentTooLarge(TooLarge):
    code = "document_too_large"


@dataclass(frozen=True)
class UploadLimits:
    """The largest file, and how many may wait to be read."""

    file_bytes: int
    waiting: int


@dataclass(frozen=True)
class DocumentOverview:
    """A document, its newest version, which tells how it fares, and the live one, which can be found."""

    document: Document
    newest: DocumentVersion
    live: DocumentVersion | None


@dataclass(frozen=True)
class OriginalFile:
    """Where the file of a live version lies, and what it was called."""

    path: Path
    name: str


class DocumentService:
    """Takes files in and lets those who may read them see how they fare and what is in them.

    `wake` is told when there is something to read.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        reader: DocumentReader,
        limits: UploadLimits,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._files = files
        self._reader = reader
        self._limits = limits
        self._wake = wake

    async def upload(
        self,
        asker: Principal,
        place: Place,
        file_name: str,
        content: BinaryIO,
        size_bytes: int,
        source: str | None = None,
    ) -> Upload:
        """Keep the file and queue it for reading; nothing is kept of one that is refused.

        `source` is what the document is known by in its collection (by default the file's name): the same
        content from there again changes nothing, other content becomes a new version of the document.
        """
        await self._database.read(lambda uow: place.find(uow, asker))
        title = _composed(_last_part(file_name))
        source = _composed(source or title)
        self._check(title, source, content, size_bytes)
        content_hash = await asyncio.to_thread(_hash_of, content)
        incoming = Incoming(asker, place, source, title, size_bytes, content_hash)
        known = await self._database.read(lambda uow: known_upload(uow, incoming, self._limits.waiting))
        return known or await self._keep(incoming, content)

    async def count_waiting(self) -> int:
        """Return how many files wait to be read, or are being read."""
        return await self._database.read(lambda uow: VersionRepository(uow).count_unread())

    async def page(
        self, asker: Principal, holder: Holder, after: UUID | None, limit: int
    ) -> Sequence[DocumentOverview]:
        def page(uow: UnitOfWork) -> Sequence[DocumentOverview]:
            collection = holder.find(uow, asker)
            return (
                _overviews(uow, DocumentRepository(uow).page(collection.id, after, limit))
                if collection
                else []
            )

        return await self._database.read(page)

    async def readable(self, document_ids: Ids[UUID], user_id: UUID, group_ids: Ids[UUID]) -> Sequence[UUID]:
        """Return those of the documents that somebody in these groups may read now."""
        return await self._database.read(
            lambda uow: DocumentRepository(uow).readable(document_ids, user_id, group_ids)
        )

    async def get(self, asker: Principal, document_id: UUID) -> DocumentOverview:
        return await self._database.read(
            lambda uow: _overviews(uow, [_find_document(uow, asker, document_id)])[0]
        )

    async def passages(
        self, asker: Principal, document_id: UUID, after: UUID | None, limit: int
    ) -> Sequence[StoredPassage]:
        """Return passages of the live version in reading order; none while no version is live."""

        def page(uow: UnitOfWork) -> Sequence[StoredPassage]:
            version_id = _find_readable(uow, asker, document_id).live_version_id
            if version_id is None:
                return []
            passages = PassageRepository(uow)
            ordinal = passages.ordinal(version_id, after) if after else -1
            if ordinal is None:
                raise UnknownCursor("The document has changed meanwhile. Begin with its first page again.")
            return passages.page(version_id, ordinal, limit)

        return await self._database.read(page)

    async def original(self, asker: Principal, document_id: UUID) -> OriginalFile:
        """Return the file that the live version was read from."""

        def find(uow: UnitOfWork) -> Document:
            return _find_readable(uow, asker, document_id)

        document = await self._database.read(find)
        if document.live_version_id is None:
            raise NothingLive("No version of the document has been read yet. Look at its status.")
        path = self._files.path(document.live_version_id)
        if not await asyncio.to_thread(path.is_file):
            raise NothingLive("The document's file is missing. Ask your administrator to upload it again.")
        return OriginalFile(path, document.title)

    async def retry(self, asker: Principal, document_id: UUID) -> DocumentOverview:
        """Queue a version that failed for reading again."""

        def retry(uow: UnitOfWork) -> DocumentOverview:
            uow.lock(COLLECTIONS)
            document, _collection = _find_managed(uow, asker, document_id)
            overview = _overviews(uow, [document])[0]
            version = overview.newest
            if version.status != "failed":
                raise NotFailed("Only what has failed can be tried again.")
            check_room(uow, self._limits.waiting)
            version.status, version.reason = "pending", None
            version.attempts, version.not_before = 0, None
            version.pages_done, version.pages_total = 0, None
            return overview

        overview = await self._database.write(retry, alone=True)
        self._wake()
        return overview

    async def delete(self, asker: Principal, document_id: UUID) -> None:
        """Delete the document with its passages and its files; from now on nothing of it is found."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(COLLECTIONS)
            document, collection = _find_managed(uow, asker, document_id)
            if collection.owner_id and DocumentRepository(uow).count_in(collection.id) == 1:
                delete_collection(uow, collection)  # it is there for its documents
                return
            versions = VersionRepository(uow).of_documents([document_id])[document_id]
            uow.record(
                DocumentDeleted(
                    document_id=document_id,
                    collection_id=document.collection_id,
                    version_ids=tuple(version.id for version in versions),
                )
            )
            DocumentRepository(uow).delete(document)

        await self._database.write(delete, alone=True)

    async def erase(self, version_ids: Ids[UUID]) -> None:
        """Delete the files of versions that are gone."""
        for version_id in version_ids:
            await asyncio.to_thread(self._files.delete, version_id)

    def _check(self, title: str, source: str, content: BinaryIO, size_bytes: int) -> None:
        if len(title) > MAX_TITLE_CHARACTERS:
            raise FileNameTooLong(
                f"The file's name is longer than {MAX_TITLE_CHARACTERS} characters. Rename it."
            )
        if len(source.encode()) > MAX_SOURCE_BYTES:
            raise FileNameTooLong(
                f"The file's place takes more than {MAX_SOURCE_BYTES} bytes. Use shorter names."
            )
        if size_bytes == 0:
            raise EmptyDocument("The file is empty.")
        if size_bytes > self._limits.file_bytes:
            raise DocumentTooLarge(
                f"The file is larger than {self._limits.file_bytes // 1_048_576} MiB. Split it into smaller ones."
            )
        head = content.read(HEAD_BYTES)
        content.seek(0)
        self._reader.check(head, title)

    async def _keep(self, incoming: Incoming, content: BinaryIO) -> Upload:
        """Save the file, then the version that names it: a crash in between leaves a file that nobody knows."""
        version_id = uuid7()
        await asyncio.to_thread(self._files.save, version_id, content)
        try:
            upload = await self._database.write(
                lambda uow: take_in(uow, incoming, version_id, self._limits.waiting), alone=True
            )
        except OutcomeUnknown:
            raise  # the version may be there, and then needs its file
        except Exception:
            await self.erase([version_id])
            raise
        if upload.version.id != version_id:
            await self.erase([version_id])
        self._wake()
        return upload


def _overviews(uow: UnitOfWork, documents: Sequence[Document]) -> list[DocumentOverview]:
    versions = VersionRepository(uow).of_documents([document.id for document in documents])
    return [_overview(document, versions[document.id]) for document in documents]


def _overview(document: Document, versions: Sequence[DocumentVersion]) -> DocumentOverview:
    live = next((version for version in versions if version.id == document.live_version_id), None)
    return DocumentOverview(document, versions[-1], live)


def _find_document(uow: UnitOfWork, asker: Principal, document_id: UUID) -> Document:
    document = DocumentRepository(uow).visible(document_id, asker.user_id, visible_groups(asker))
    if document is None:
        raise UnknownDocument("There is no such document, or you may not see it.")
    return document


def _find_managed(uow: UnitOfWork, asker: Principal, document_id: UUID) -> tuple[Document, Collection]:
    """Return a document and where it is: everybody manages what is their own, few what is shared."""
    document = _find_document(uow, asker, document_id)
    collection = CollectionRepository(uow).holding(document_id)
    if collection.owner_id is None:
        check_manages(asker, collection)
    return document, collection


def _find_readable(uow: UnitOfWork, asker: Principal, document_id: UUID) -> Document:
    """Return a document whose text the asker may read: administrators too only by their groups."""
    document = DocumentRepository(uow).visible(document_id, asker.user_id, asker.group_ids)
    if document is None:
        raise UnknownDocument("There is no such document, or you may not read it.")
    return document


def _last_part(file_name: str) -> str:
    """Return a file's name without the folders that some clients send along."""
    return file_name.replace("\\", "/").rsplit("/", 1)[-1]


def _composed(text: str) -> str:
    """Return one form for what looks the same: some systems send Hangul and accents taken apart."""
    return unicodedata.normalize("NFC", text)


def _hash_of(content: BinaryIO) -> str:
    digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # a spooled file fits too
    content.seek(0)
    return digest
