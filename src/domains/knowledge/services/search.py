"""Finding passages: the index proposes, the database decides what may be shown."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.knowledge.repositories import CollectionRepository, DocumentRepository, PassageRepository
from src.domains.knowledge.services.ports import IndexedPassage, PassageIndex
from src.domains.knowledge.services.shelves import Shelves, may_read
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent
from src.shared.events.knowledge import DocumentDeleted, Passage, PassagesChanged

REBUILD_BATCH = 100

DEEPER = 4
"""How many times as many hits are looked at where some of them may not be shown."""


@dataclass(frozen=True)
class _Question:
    """What is searched for, where, by whom, and how many passages are wanted."""

    text: str
    collection_ids: Sequence[UUID]
    group_ids: Collection[UUID]
    limit: int


class SearchService:
    """Searches what the asker's groups may read."""

    def __init__(self, database: Database, index: PassageIndex, shelves: Shelves) -> None:
        self._database = database
        self._index = index
        self._shelves = shelves

    async def search(
        self, query: str, group_ids: Collection[UUID], limit: int, within: Collection[UUID] | None = None
    ) -> list[Passage]:
        """Return the best passages, best first; `within` narrows the search to these collections.

        The index is asked for the readable collections alone. Text, rights and liveness are then read from
        the database, so a passage that was deleted or revoked meanwhile does not appear.
        """
        readable = self._shelves.readable_by(group_ids)
        collection_ids = [each for each in readable if within is None or each in within]
        question = _Question(query, collection_ids, group_ids, limit)
        # The index is asked on the reader's thread too: a change of threads costs more than the search.
        return await self._database.read_together(self._answer, question)

    def _answer(self, uow: UnitOfWork, questions: Sequence[_Question]) -> list[list[Passage]]:
        passages = PassageRepository(uow)
        hits = [self._index.search(each.text, each.collection_ids, each.limit) for each in questions]
        found = passages.ready({hit.passage_id for each in hits for hit in each})
        for number, each in enumerate(questions):
            if len(hits[number]) == each.limit and any(hit.passage_id not in found for hit in hits[number]):
                # A version that is prepared or was just replaced must not take the places of what is live.
                hits[number] = self._index.search(each.text, each.collection_ids, DEEPER * each.limit)
                found |= passages.ready({hit.passage_id for hit in hits[number]})
        readers = CollectionRepository(uow).readers({row["collection_id"] for row in found.values()})
        return [
            [
                Passage(**found[hit.passage_id], score=hit.score)
                for hit in best
                if hit.passage_id in found
                and may_read(readers[found[hit.passage_id]["collection_id"]], question.group_ids)
            ][: question.limit]
            for question, best in zip(questions, hits, strict=True)
        ]


class IndexReplica:
    """Keeps this machine's index in step with the passages; implements `Replica`."""

    EVENTS = (PassagesChanged, DocumentDeleted)

    def __init__(self, database: Database, index: PassageIndex) -> None:
        self._database = database
        self._index = index

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
        for event in events:
            if isinstance(event, PassagesChanged | DocumentDeleted):
                await self._replace(event.document_id)
        await asyncio.to_thread(self._index.commit, position)

    async def _documents_after(self, last: UUID | None) -> Sequence[UUID]:
        return await self._database.read(
            lambda uow: DocumentRepository(uow).with_passages(last, REBUILD_BATCH)
        )

    async def _replace(self, document_id: UUID) -> None:
        passages = await self._database.read(lambda uow: _indexed_passages(uow, document_id))
        await asyncio.to_thread(self._index.replace, document_id, passages)


def _indexed_passages(uow: UnitOfWork, document_id: UUID) -> list[IndexedPassage]:
    return [
        IndexedPassage(
            passage.id, document.id, document.collection_id, document.title, passage.location, passage.text
        )
        for passage, document in PassageRepository(uow).of_document(document_id)
    ]
