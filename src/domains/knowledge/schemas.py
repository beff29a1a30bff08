"""Request and response models of knowledge."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.domains.knowledge.models import DocumentStatus
from src.domains.knowledge.services.collections import CollectionOverview
from src.domains.knowledge.services.documents import DocumentOverview
from src.domains.knowledge.services.versions import Outcome, Upload
from src.shared.events.knowledge import Passage
from src.shared.schemas import ItemModel, Name, RequestModel, ResponseModel

Description = Annotated[str, Field(max_length=2000)]
Ids = Annotated[list[UUID], Field(max_length=200)]


class CreateCollectionRequest(RequestModel):
    name: Name
    description: Description = ""
    group_ids: Ids = Field(default_factory=list)


class ChangeCollectionRequest(RequestModel):
    name: Name | None = None
    description: Description | None = None
    group_ids: Ids | None = None


class CollectionResponse(ItemModel):
    name: str
    description: str
    group_ids: list[UUID]
    document_count: int
    created_at: datetime

    @classmethod
    def of(cls, overview: CollectionOverview) -> "CollectionResponse":
        collection = overview.collection
        return cls(
            id=collection.id,
            name=collection.name,
            description=collection.description,
            group_ids=collection.group_ids,
            document_count=overview.document_count,
            created_at=collection.created_at,
        )


class TakeInUrlRequest(RequestModel):
    url: str = Field(min_length=1, max_length=2000)


class UploadResponse(ItemModel):
    """`outcome` tells a new document, a new version of a known one, and content that is there already."""

    status: DocumentStatus
    outcome: Outcome

    @classmethod
    def of(cls, upload: Upload) -> "UploadResponse":
        return cls.model_validate(
            {"id": upload.document.id, "status": upload.version.status, "outcome": upload.outcome}
        )


class DocumentResponse(ItemModel):
    """`size_bytes`, `status`, `reason` and pages are of the newest version; `version` is the live one's number.

    `passage_count` is how many passages can be found: the live version's.
    """

    collection_id: UUID
    title: str
    source: str
    size_bytes: int
    status: DocumentStatus
    reason: str | None
    version: int | None
    pages_done: int
    pages_total: int | None
    passage_count: int
    created_at: datetime

    @classmethod
    def of(cls, overview: DocumentOverview) -> "DocumentResponse":
        document, newest, live = overview.document, overview.newest, overview.live
        of_document = {name: getattr(document, name) for name in _OF_DOCUMENT}
        of_newest = {name: getattr(newest, name) for name in _OF_NEWEST}
        of_live = {
            "version": live.number if live else None,
            "passage_count": live.passage_count if live else 0,
        }
        return cls.model_validate(of_document | of_newest | of_live)


_OF_DOCUMENT = ("id", "collection_id", "title", "source", "created_at")
_OF_NEWEST = ("size_bytes", "status", "reason", "pages_done", "pages_total")


class StoredPassageResponse(ItemModel):
    ordinal: int
    location: str
    text: str


class SearchRequest(RequestModel):
    query: str = Field(min_length=1, max_length=2000)
    collection_ids: Ids | None = None
    limit: int = Field(10, ge=1, le=50)


class SearchResponse(ResponseModel):
    passages: list[Passage]
