"""Tables of knowledge."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from src.infrastructure.database.base import Base, domain_metadata, primary_id

DocumentStatus = Literal["pending", "processing", "ready", "failed"]


class KnowledgeRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Collection(KnowledgeRecord):
    """Documents that the same people may read: with an owner, this person alone; with no groups, everyone.

    An owner's are the files of one session, whose id is chat's. Nobody calls it by its name.
    """

    __tablename__ = "knowledge_collection"
    __table_args__ = (
        Index("ix_knowledge_collection_owner_id_session_id", "owner_id", "session_id", unique=True),
    )

    id: Mapped[UUID] = primary_id()
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    created_at: Mapped[datetime]
    owner_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    readers: Mapped[list["CollectionGroup"]] = relationship(lazy="raise", cascade="all, delete-orphan")

    @property
    def group_ids(self) -> list[UUID]:
        return [reader.group_id for reader in self.readers]


class CollectionGroup(KnowledgeRecord):
    """A group that may read a collection; the group's id is auth's."""

    __tablename__ = "knowledge_collection_group"

    collection_id: Mapped[UUID] = mapped_column(
        ForeignKey("knowledge_collection.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)


class Document(KnowledgeRecord):
    """What one source in a collection holds: a file's name, a path in a folder, or a URL.

    `live_version_id` is the version that can be found; null until one is ready. It is a plain value, for
    versions name their document by a foreign key already. `title` is the name of the live version's file.
    """

    __tablename__ = "knowledge_document"
    __table_args__ = (
        UniqueConstraint("collection_id", "source"),
        Index("ix_knowledge_document_collection_id_id", "collection_id", "id"),
    )

    id: Mapped[UUID] = primary_id()
    collection_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_collection.id", ondelete="CASCADE"))
    source: Mapped[str]
    title: Mapped[str]
    live_version_id: Mapped[UUID | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class DocumentVersion(KnowledgeRecord):
    """A file as it was taken in once, and the job of reading it.

    `reason` tells its uploader why it failed. `pages_total` is null while it is not known, `content_hash`
    (SHA-256) for what was taken in before hashes were kept. `attempts` counts the tries that were begun;
    the next is not made before `not_before`. `leased_by` names the run that reads it until `leased_until`.
    `embedded_by` is the model whose vectors its passages have; nobody else makes them before `embedding_until`.
    """

    __tablename__ = "knowledge_document_version"
    __table_args__ = (
        CheckConstraint(f"status IN {get_args(DocumentStatus)}", name="status"),
        UniqueConstraint("document_id", "number"),
        Index("ix_knowledge_document_version_status_id", "status", "id"),
        Index("ix_knowledge_document_version_embedded_by_id", "embedded_by", "id"),
    )

    id: Mapped[UUID] = primary_id()
    document_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_document.id", ondelete="CASCADE"))
    number: Mapped[int]
    file_name: Mapped[str]
    content_hash: Mapped[str | None]
    size_bytes: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str | None]
    pages_done: Mapped[int] = mapped_column(default=0)
    pages_total: Mapped[int | None]
    passage_count: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    leased_by: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    embedded_by: Mapped[str | None]
    embedding_until: Mapped[datetime | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class StoredPassage(KnowledgeRecord):
    """A piece of a version as it is indexed, shown and cited; `ordinal` is its place in reading order.

    Only those of a document's live version may be shown. The others are prepared, to replace them at once.
    """

    __tablename__ = "knowledge_passage"
    __table_args__ = (
        Index("ix_knowledge_passage_document_id", "document_id"),
        Index("ix_knowledge_passage_version_id_ordinal", "version_id", "ordinal"),
    )

    id: Mapped[UUID] = primary_id()
    document_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_document.id", ondelete="CASCADE"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_document_version.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    location: Mapped[str]
    text: Mapped[str]


class PassageVector(KnowledgeRecord):
    """What a passage means, by one model: half-precision numbers, little-endian, a vector of length 1."""

    __tablename__ = "knowledge_passage_vector"

    passage_id: Mapped[UUID] = mapped_column(
        ForeignKey("knowledge_passage.id", ondelete="CASCADE"), primary_key=True
    )
    model: Mapped[str] = mapped_column(primary_key=True)
    vector: Mapped[bytes]
