"""Versions of documents: what becomes of a file that comes in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from src.domains.knowledge.models import Collection, Document, DocumentVersion
from src.domains.knowledge.repositories.documents import DocumentRepository, VersionRepository
from src.domains.knowledge.services.collections import COLLECTIONS
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.knowledge import DocumentUploaded, PassagesChanged, VersionsRemoved
from src.shared.exceptions.errors import Unavailable
from src.shared.middleware.authentication import Principal

Outcome = Literal["new", "new_version", "unchanged"]


class QueueFull(Unavailable):
    code = "queue_full"


class Holder(Protocol):
    """Where documents are: shared, or a person's own. Raises when they are not for the asker."""

    def find(self, uow: UnitOfWork, asker: Principal) -> Collection | None:
        """Return its collection, None while there is none."""


class Place(Holder, Protocol):
    """Where documents come in."""

    def admit(self, uow: UnitOfWork, asker: Principal) -> Collection:
        """Return its collection for one document more, made if there is none; raise when it takes no more."""


@dataclass(frozen=True)
class Incoming:
    """A file on its way in. `content_hash` is its SHA-256, in hex."""

    asker: Principal
    place: Place
    source: str
    title: str
    size_bytes: int
    content_hash: str


@dataclass(frozen=True)
class Upload:
    """What became of a file: the document it belongs to, and the version that holds its content."""

    document: Document
    version: DocumentVersion
    outcome: Outcome


def known_upload(uow: UnitOfWork, incoming: Incoming, most_waiting: int) -> Upload | None:
    """Return the version that has this content already; else make sure that another one may wait.

    One that has failed does not count: the same content again is tried again.
    """
    document, newest = _find(uow, incoming)
    if document and newest and newest.content_hash == incoming.content_hash and newest.status != "failed":
        return Upload(document, newest, "unchanged")
    check_room(uow, most_waiting)
    return None


def take_in(uow: UnitOfWork, incoming: Incoming, version_id: UUID, most_waiting: int) -> Upload:
    """Make the file a document, or a newer version of one; versions that still wait give way to it."""
    uow.lock(COLLECTIONS)
    if known := known_upload(uow, incoming, most_waiting):
        return known
    document, newest = _find(uow, incoming)
    if document is None:
        collection = incoming.place.admit(uow, incoming.asker)
        document = _new_document(incoming, version_id, collection.id)
        DocumentRepository(uow).add(document)
    versions = VersionRepository(uow)
    if removed := versions.delete_unread(document.id):
        record_removal(uow, document, removed)
    version = _new_version(incoming, version_id, document.id, newest.number + 1 if newest else 1)
    versions.add(version)
    uow.record(
        DocumentUploaded(
            document_id=document.id,
            collection_id=document.collection_id,
            user_id=incoming.asker.user_id,
            size_bytes=incoming.size_bytes,
        )
    )
    return Upload(document, version, _outcome(newest, version))


def check_room(uow: UnitOfWork, most_waiting: int) -> None:
    """Raise `QueueFull` when so many versions wait to be read."""
    if VersionRepository(uow).count_unread() >= most_waiting:
        detail = f"{most_waiting} files are waiting to be read. Try again when some of them are."
        raise QueueFull(detail, retry_after=10)


def record_removal(uow: UnitOfWork, document: Document, version_ids: Sequence[UUID]) -> None:
    """Let the files of versions be erased, and their passages in every index."""
    uow.record(
        VersionsRemoved(
            document_id=document.id, collection_id=document.collection_id, version_ids=tuple(version_ids)
        )
    )
    uow.record(PassagesChanged(document_id=document.id, collection_id=document.collection_id))


def _find(uow: UnitOfWork, incoming: Incoming) -> tuple[Document | None, DocumentVersion | None]:
    collection = incoming.place.find(uow, incoming.asker)
    document = DocumentRepository(uow).by_source(collection.id, incoming.source) if collection else None
    return document, VersionRepository(uow).newest(document.id) if document else None


def _new_document(incoming: Incoming, document_id: UUID, collection_id: UUID) -> Document:
    return Document(
        id=document_id,
        collection_id=collection_id,
        source=incoming.source,
        title=incoming.title,
        created_by=incoming.asker.user_id,
        created_at=utc_now(),
    )


def _new_version(incoming: Incoming, version_id: UUID, document_id: UUID, number: int) -> DocumentVersion:
    return DocumentVersion(
        id=version_id,
        document_id=document_id,
        number=number,
        file_name=incoming.title,
        content_hash=incoming.content_hash,
        size_bytes=incoming.size_bytes,
        status="pending",
        created_by=incoming.asker.user_id,
        created_at=utc_now(),
    )


def _outcome(newest: DocumentVersion | None, version: DocumentVersion) -> Outcome:
    if newest is None:
        return "new"
    return "unchanged" if newest.content_hash == version.content_hash else "new_version"
