"""What knowledge publishes, and what it answers."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from src.shared.events.base import DomainEvent, DomainRequest


class CollectionReadersChanged(DomainEvent):
    """Who may read a collection is now this (no groups: everyone signed in); also told when it is made.

    One with an owner holds the files of the session `session_id`, for this person alone.
    """

    name: ClassVar[str] = "knowledge.collection_readers_changed"

    collection_id: UUID
    group_ids: tuple[UUID, ...]
    owner_id: UUID | None = None
    session_id: UUID | None = None


class CollectionFacts(BaseModel):
    """What a collection is called, and whose groups may read it (none: everyone signed in)."""

    model_config = ConfigDict(frozen=True)

    name: str
    group_ids: tuple[UUID, ...]


class CollectionChanged(DomainEvent):
    """Somebody made a collection (nothing was `before`), or changed it to this, or what it says of itself."""

    name: ClassVar[str] = "knowledge.collection_changed"

    collection_id: UUID
    after: CollectionFacts
    before: CollectionFacts | None = None


class CollectionDeleted(DomainEvent):
    """A collection is gone; its documents are told one by one."""

    name: ClassVar[str] = "knowledge.collection_deleted"

    collection_id: UUID
    owner_id: UUID | None = None
    session_id: UUID | None = None
    before: CollectionFacts | None = None


class DocumentUploaded(DomainEvent):
    """A file was accepted, as a document's first version or a newer one, and waits to be read."""

    name: ClassVar[str] = "knowledge.document_uploaded"

    document_id: UUID
    collection_id: UUID
    user_id: UUID
    size_bytes: int


class PassagesChanged(DomainEvent):
    """A document's passages are others now; whoever keeps an index takes them from knowledge.

    There may be passages of two versions meanwhile, and only those of the live one may be shown: the newer
    ones are prepared in every index before they take the place of the others at once.
    """

    name: ClassVar[str] = "knowledge.passages_changed"

    document_id: UUID
    collection_id: UUID


class PassagesEmbedded(DomainEvent):
    """All passages of a document's live version have vectors of this model."""

    name: ClassVar[str] = "knowledge.passages_embedded"

    document_id: UUID
    collection_id: UUID
    model: str


class EarlierVectorsDeleted(DomainEvent):
    """All live documents have vectors of this model; some or all of those by other models are gone."""

    name: ClassVar[str] = "knowledge.earlier_vectors_deleted"

    model: str


class DocumentReady(DomainEvent):
    """A version's passages are in the index of the machine that read it, and it is now the live one."""

    name: ClassVar[str] = "knowledge.document_ready"

    document_id: UUID
    collection_id: UUID
    passage_count: int


class DocumentFailed(DomainEvent):
    """A version could not be read; `reason` is what its uploader is told. An older live one stays."""

    name: ClassVar[str] = "knowledge.document_failed"

    document_id: UUID
    collection_id: UUID
    reason: str


class DocumentDeleted(DomainEvent):
    """A document is gone; whoever holds anything of it erases it.

    Events of the time before versions name none: the document's own id is then its only version's.
    """

    name: ClassVar[str] = "knowledge.document_deleted"

    document_id: UUID
    collection_id: UUID
    version_ids: tuple[UUID, ...] = ()


class VersionsRemoved(DomainEvent):
    """A newer version took the place of these, or came before they were read; whoever holds them erases them."""

    name: ClassVar[str] = "knowledge.versions_removed"

    document_id: UUID
    collection_id: UUID
    version_ids: tuple[UUID, ...]


class PassageMatch(BaseModel):
    """Why a passage was found: by which arm of the search, its score there, and which of the query's words."""

    model_config = ConfigDict(frozen=True)

    arm: Literal["words", "meaning"]
    score: float
    words: tuple[str, ...] = ()


class Passage(BaseModel):
    """A piece of a document that may answer a question; `location` is a page or a heading path."""

    model_config = ConfigDict(frozen=True)

    passage_id: UUID
    document_id: UUID
    collection_id: UUID
    title: str
    location: str
    text: str
    score: float
    matches: tuple[PassageMatch, ...] = ()


class PassagesRetrieved(DomainEvent):
    """The passages that fit best, best first; only those that the asker may read."""

    name: ClassVar[str] = "knowledge.passages_retrieved"

    passages: tuple[Passage, ...]


class PassagesRequested(DomainRequest[PassagesRetrieved]):
    """Which passages may answer `query`, for someone who is in `group_ids`?

    `collection_ids` narrow the search to these. Files that `user_id` has put into the session `session_id`
    are searched as well, whatever the collections; they are found in no other way.
    """

    name: ClassVar[str] = "knowledge.passages_requested"

    query: str
    group_ids: tuple[UUID, ...]
    limit: int = 6
    collection_ids: tuple[UUID, ...] | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None


class ReadableDocumentsFound(DomainEvent):
    """Those of the documents that were asked about that the reader may read now."""

    name: ClassVar[str] = "knowledge.readable_documents_found"

    document_ids: tuple[UUID, ...]


class ReadableDocumentsRequested(DomainRequest[ReadableDocumentsFound]):
    """Which of these documents may `user_id`, who is in `group_ids`, read now? Those that are gone: nobody."""

    name: ClassVar[str] = "knowledge.readable_documents_requested"

    document_ids: tuple[UUID, ...]
    user_id: UUID
    group_ids: tuple[UUID, ...]
