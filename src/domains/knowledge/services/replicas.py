"""Indexes that each machine keeps for itself, in step with the passages; they implement `Replica`."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from src.domains.knowledge.repositories.documents import DocumentRepository
from src.domains.knowledge.repositories.passages import PassageRepository
from src.domains.knowledge.repositories.vectors import VectorRepository
from src.domains.knowledge.services.ports import Embedder, ExternalIndex, IndexedPassage, LocalIndex, Vector
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent
from src.shared.events.knowledge import (
    DocumentDeleted,
    EarlierVectorsDeleted,
    PassagesChanged,
    PassagesEmbedded,
)

REBUILD_BATCH = 100


class IndexReplica:
    """Brings the passages of documents that have changed into an index, with their vectors by `model`, if any.

    The whole document is read anew: an event only tells that there is something to be looked at.
    """

    def __init__(self, database: Database, index: LocalIndex, model: str | None = None) -> None:
        self._database = database
        self._index = index
        self._model = model

    @property
    def events(self) -> tuple[type[DomainEvent], ...]:
        words = (PassagesChanged, DocumentDeleted)
        return (*words, PassagesEmbedded, EarlierVectorsDeleted) if self._model else words

    async def position(self) -> int | None:
        return await asyncio.to_thread(self._index.cursor)

    async def rebuild(self, position: int) -> None:
        await asyncio.to_thread(self._index.clear)
        last: UUID | None = None
        while batch := await self._documents_after(last):
            for document_id in batch:
                await self._replace(document_id)
            last = batch[-1]
        await asyncio.to_thread(self._index.commit, position)

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        if any(self._is_over(event) for event in events):
            # First, for documents are read as they are now: with vectors that came after it, if there are any.
            await asyncio.to_thread(self._index.clear)
        for document_id in dict.fromkeys(filter(None, map(self._changed, events))):
            await self._replace(document_id)
        await asyncio.to_thread(self._index.commit, position)

    def _is_over(self, event: DomainEvent) -> bool:
        return isinstance(event, EarlierVectorsDeleted) and event.model != self._model

    def _changed(self, event: DomainEvent) -> UUID | None:
        match event:
            case PassagesEmbedded():
                return event.document_id if event.model == self._model else None
            case PassagesChanged() | DocumentDeleted():
                return event.document_id
        return None

    async def _documents_after(self, last: UUID | None) -> Sequence[UUID]:
        return await self._database.read(
            lambda uow: DocumentRepository(uow).with_passages(last, REBUILD_BATCH)
        )

    async def _replace(self, document_id: UUID) -> None:
        passages = await self._database.read(lambda uow: indexed_passages(uow, document_id, self._model))
        await asyncio.to_thread(self._index.replace, document_id, passages)


def indexed_passages(uow: UnitOfWork, document_id: UUID, model: str | None) -> list[IndexedPassage]:
    """Return all passages of a document as an index takes them, with the model's vectors where there are some."""
    vectors: dict[UUID, Vector] = VectorRepository(uow).of_document(document_id, model) if model else {}
    return [
        IndexedPassage(
            passage.id,
            document.id,
            document.collection_id,
            document.title,
            passage.location,
            passage.text,
            vectors.get(passage.id),
        )
        for passage, document in PassageRepository(uow).of_document(document_id)
    ]


class SearchEngineFeed:
    """Tells a search service outside what has changed; its vectors are those of the embedder in use."""

    EVENTS = (PassagesChanged, PassagesEmbedded, DocumentDeleted)

    def __init__(self, database: Database, engine: ExternalIndex, embedder: Embedder | None) -> None:
        self._database = database
        self._engine = engine
        self._model = embedder.name if embedder else None

    async def bring(self, event: PassagesChanged | PassagesEmbedded | DocumentDeleted) -> None:
        document_id = event.document_id
        passages = await self._database.read(lambda uow: indexed_passages(uow, document_id, self._model))
        await self._engine.replace(document_id, passages)
