"""Request and response models of knowledge."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from src.domains.knowledge.models import DocumentStatus
from src.domains.knowledge.services.collections import CollectionOverview
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


class UploadResponse(ItemModel):
    status: DocumentStatus


class DocumentResponse(ItemModel):
    collection_id: UUID
    title: str
    size_bytes: int
    status: DocumentStatus
    reason: str | None
    passage_count: int
    created_at: datetime


class SearchRequest(RequestModel):
    query: str = Field(min_length=1, max_length=2000)
    collection_ids: Ids | None = None
    limit: int = Field(10, ge=1, le=50)


class SearchResponse(ResponseModel):
    passages: list[Passage]
