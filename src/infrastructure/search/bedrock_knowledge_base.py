"""Search by a knowledge base of Amazon Bedrock, which embeds, keeps and finds by itself."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, Literal, TypeVar
from uuid import UUID

from src.domains.knowledge.services.ports import Hit, IndexedPassage, Match
from src.infrastructure.outside.aws import AwsService
from src.infrastructure.outside.faults import ServiceFault, together
from src.infrastructure.outside.places import KnowledgeBasePlace
from src.infrastructure.search.unavailable import unavailable

T = TypeVar("T")
SearchType = Literal["HYBRID", "SEMANTIC"]

# The service's own bounds.
_DOCUMENTS_A_CALL = 10
_MAX_RESULTS = 100
# What every version of the service takes; the newest takes 20,000 characters.
_QUERY_CHARACTERS = 1_000
# The service names no bound for a list of values; a request of this size is still a small one.
_COLLECTIONS_A_CALL = 500

_QUERY_THREADS = 8
_WRITE_THREADS = 2
_GONE = frozenset({"NOT_FOUND", "DELETING", "DELETE_IN_PROGRESS"})
_UNDER_WAY = frozenset({"PENDING", "STARTING", "IN_PROGRESS"})


class BedrockKnowledgeBase:
    """Implements `PassageFinder` and `ExternalIndex`.

    The knowledge base must not cut texts into chunks: they are passages already. A passage is kept under its
    document's id and its place in it, so which ones are left over is found by looking on from the last one,
    and nothing has to be remembered here. A search may take `find_seconds` in all, each call of a change
    `write_seconds`, and until the next ten passages can be found `indexing_seconds`.
    """

    def __init__(
        self,
        place: KnowledgeBasePlace,
        search_type: SearchType | None = None,
        *,
        find_seconds: float,
        write_seconds: float,
        indexing_seconds: float,
        poll_seconds: float = 1.0,
    ) -> None:
        self._knowledge_base = {"knowledgeBaseId": place.knowledge_base_id}
        self._source = {**self._knowledge_base, "dataSourceId": place.data_source_id}
        self._search_type = search_type
        self._indexing_seconds = indexing_seconds
        self._poll_seconds = poll_seconds
        self._finding = AwsService(
            "bedrock-agent-runtime", place.aws, threads=_QUERY_THREADS, seconds=find_seconds
        )
        self._writing = AwsService("bedrock-agent", place.aws, threads=_WRITE_THREADS, seconds=write_seconds)

    async def find(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        text = query[:_QUERY_CHARACTERS].strip()
        if not text or not collection_ids or limit < 1:
            return []
        groups = _parts(collection_ids, _COLLECTIONS_A_CALL)
        try:
            found = await together(
                [partial(self._retrieve, text, group, limit) for group in groups], at_once=_QUERY_THREADS
            )
        except ServiceFault as fault:
            raise unavailable(fault) from fault
        best: dict[UUID, float] = {}
        for passage_id, score in (hit for hits in found for hit in hits):
            best[passage_id] = max(score, best.get(passage_id, score))
        ranked = sorted(best.items(), key=lambda each: each[1], reverse=True)
        return [Hit(passage_id, score, (Match("meaning", score),)) for passage_id, score in ranked[:limit]]

    async def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        """Raises `ServiceFault`."""
        for part in _parts(list(enumerate(passages)), _DOCUMENTS_A_CALL):
            await self._ingest([_document(number, passage) for number, passage in part])
        left_over = await self._left_over(document_id, len(passages))
        # The last ones first: when this breaks off, what remains is still found by looking on.
        for present in reversed(left_over):
            await self._delete(present)
        for keys in _parts(_keys(document_id, 0, len(passages)), _DOCUMENTS_A_CALL):
            await self._wait_until_found(keys)

    async def close(self) -> None:
        """Let the threads go."""
        self._finding.close()
        self._writing.close()

    async def _retrieve(
        self, text: str, collection_ids: Sequence[UUID], limit: int
    ) -> list[tuple[UUID, float]]:
        search: dict[str, Any] = {
            "numberOfResults": min(limit, _MAX_RESULTS),
            "filter": _within(collection_ids),
        }
        if self._search_type:
            search["overrideSearchType"] = self._search_type
        return await self._finding.run(
            lambda client: _ours(
                client.retrieve(
                    **self._knowledge_base,
                    retrievalQuery={"text": text},
                    retrievalConfiguration={"vectorSearchConfiguration": search},
                )
            )
        )

    async def _ingest(self, documents: Sequence[dict[str, Any]]) -> None:
        await self._writing.run(
            lambda client: client.ingest_knowledge_base_documents(**self._source, documents=documents)
        )

    async def _delete(self, keys: Sequence[str]) -> None:
        await self._writing.run(
            lambda client: client.delete_knowledge_base_documents(
                **self._source, documentIdentifiers=[_identifier(key) for key in keys]
            )
        )

    async def _left_over(self, document_id: UUID, first: int) -> list[list[str]]:
        """Return the keys from the place `first` on that the service still has, by calls."""
        found: list[list[str]] = []
        for start in count(first, _DOCUMENTS_A_CALL):
            states = await self._states(_keys(document_id, start, start + _DOCUMENTS_A_CALL))
            keys = [key for key, state in states.items() if state not in _GONE]
            if not keys:
                return found
            found.append(keys)
        raise AssertionError  # the places have no end

    async def _wait_until_found(self, keys: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(self._indexing_seconds):
                while not _all_indexed(await self._states(keys)):  # noqa: ASYNC110  # it does not call back
                    await asyncio.sleep(self._poll_seconds)
        except TimeoutError:
            text = f"passages were not indexed within {self._indexing_seconds:g} seconds"
            raise ServiceFault(text, passing=True) from None

    async def _states(self, keys: Sequence[str]) -> dict[str, str]:
        """Return what has become of the passages that are kept under these keys."""
        return await self._writing.run(
            lambda client: _told_states(
                client.get_knowledge_base_documents(
                    **self._source, documentIdentifiers=[_identifier(key) for key in keys]
                ),
                keys,
            )
        )


def _ours(answer: dict[str, Any]) -> list[tuple[UUID, float]]:
    """Return our passages with their scores; what somebody else put into the knowledge base is none of ours."""
    found = [each for each in answer["retrievalResults"] if "passage_id" in each.get("metadata", {})]
    return [(UUID(each["metadata"]["passage_id"]), each.get("score", 0.0)) for each in found]


def _told_states(answer: dict[str, Any], keys: Sequence[str]) -> dict[str, str]:
    told = {each["identifier"]["custom"]["id"]: each["status"] for each in answer["documentDetails"]}
    return {key: told[key] for key in keys}


def _all_indexed(states: dict[str, str]) -> bool:
    """Tell whether all can be found; raise `ServiceFault` when one never will."""
    failed = {key: state for key, state in states.items() if state not in _UNDER_WAY | {"INDEXED"}}
    if failed:
        raise ServiceFault(f"passages were not indexed: {failed}", passing=False)
    return not _UNDER_WAY.intersection(states.values())


def _within(collection_ids: Sequence[UUID]) -> dict[str, Any]:
    if len(collection_ids) == 1:
        return {"equals": {"key": "collection_id", "value": str(collection_ids[0])}}
    return {"in": {"key": "collection_id", "value": [str(each) for each in collection_ids]}}


def _key(document_id: UUID, number: int) -> str:
    return f"{document_id}/{number}"


def _keys(document_id: UUID, start: int, end: int) -> list[str]:
    return [_key(document_id, number) for number in range(start, end)]


def _identifier(key: str) -> dict[str, Any]:
    return {"dataSourceType": "CUSTOM", "custom": {"id": key}}


def _document(number: int, passage: IndexedPassage) -> dict[str, Any]:
    text = "\n".join(part for part in (passage.title, passage.location, passage.text) if part)
    attributes = {"passage_id": passage.passage_id, "collection_id": passage.collection_id}
    return {
        "content": {
            "dataSourceType": "CUSTOM",
            "custom": {
                "customDocumentIdentifier": {"id": _key(passage.document_id, number)},
                "sourceType": "IN_LINE",
                "inlineContent": {"type": "TEXT", "textContent": {"data": text}},
            },
        },
        "metadata": {
            "type": "IN_LINE_ATTRIBUTE",
            "inlineAttributes": [
                {"key": key, "value": {"type": "STRING", "stringValue": str(value)}}
                for key, value in attributes.items()
            ],
        },
    }


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
