"""Tables of knowledge."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from src.infrastructure.database.base import Base, domain_metadata, primary_id

DocumentStatus = Literal["pending", "processing", "ready", "failed"]


class KnowledgeRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Collection(KnowledgeRecord):
    """Documents that the same people may read; with no groups, everyone signed in."""

    __tablename__ = "knowledge_collection"

    id: Mapped[UUID] = primary_id()
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    created_at: Mapped[datetime]
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
    """An uploaded file. `reason` tells its uploader why it failed; `title` is the file's name."""

    __tablename__ = "knowledge_document"
    __table_args__ = (
        CheckConstraint(f"status IN {get_args(DocumentStatus)}", name="status"),
        Index("ix_knowledge_document_collection_id_id", "collection_id", "id"),
    )

    id: Mapped[UUID] = primary_id()
    collection_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_collection.id", ondelete="CASCADE"))
    title: Mapped[str]
    size_bytes: Mapped[int]
    status: Mapped[str]
    reason: Mapped[str | None]
    passage_count: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class StoredPassage(KnowledgeRecord):
    """A piece of a document as it is indexed, shown and cited; `ordinal` is its place in reading order."""

    __tablename__ = "knowledge_passage"
    __table_args__ = (Index("ix_knowledge_passage_document_id_ordinal", "document_id", "ordinal"),)

    id: Mapped[UUID] = primary_id()
    document_id: Mapped[UUID] = mapped_column(ForeignKey("knowledge_document.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    location: Mapped[str]
    text: Mapped[str]
