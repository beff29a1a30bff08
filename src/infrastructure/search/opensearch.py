"""Search by OpenSearch: BM25 over Korean morphemes and English stems, and nearness of meaning, fused here."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from opensearchpy import AsyncHttpConnection, AsyncOpenSearch, AWSV4SignerAsyncAuth
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import RequestError, SerializationError, TransportError

from src.domains.knowledge.services.ports import (
    Embedder,
    EmbedderUnavailable,
    Hit,
    IndexedPassage,
    Match,
    Scored,
    Vector,
    WordHits,
)
from src.infrastructure.outside.faults import ServiceFault, malformed, retried
from src.infrastructure.outside.places import OpenSearchPlace
from src.infrastructure.search import opensearch_requests as requests
from src.infrastructure.search.unavailable import unavailable

T = TypeVar("T")
Fuse = Callable[[WordHits, Sequence[Scored], int], list[Hit]]
"""Makes one list of two: hits by words with BM25 scores, hits by meaning with cosines, how many are wanted."""

# An arm gives more than is asked for: a passage that both put in the middle may be the best.
_DEPTH = 50
_BULK = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Arm:
    """What one way of searching found."""

    hits: tuple[Scored, ...] = ()
    words: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)


class OpenSearchIndex:
    """Implements `PassageFinder` and `ExternalIndex`.

    Makes its index when it is missing; the service needs the plugins analysis-nori and k-NN. Each embedder
    has a field of its own for its vectors, so a change of the model needs no new index: passages are found
    by words, and by meaning as they come in again. A search may take `find_seconds` in all, beside what its
    embedder takes; a step of a change `write_seconds`.
    """

    def __init__(
        self,
        place: OpenSearchPlace,
        fuse: Fuse,
        embedder: Embedder | None = None,
        *,
        find_seconds: float,
        write_seconds: float,
    ) -> None:
        self._index = place.index
        self._fuse = fuse
        self._embedder = embedder
        self._field = requests.vector_field(embedder.name) if embedder else None
        self._find_seconds = find_seconds
        self._write_seconds = write_seconds
        self._client = _client(place)

    async def find(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        words = requests.words_of(query)
        if not words or not collection_ids or limit < 1:
            return []
        size = max(limit, _DEPTH)
        searches = [requests.by_words(words, collection_ids, size)]
        vector = await self._vector(query)
        if vector is not None and self._field:
            searches.append(requests.by_meaning(self._field, vector, collection_ids, size))
        try:
            answers = await self._call(partial(self._search, searches), self._find_seconds)
        except ServiceFault as fault:
            raise unavailable(fault) from fault
        by_words, by_meaning = answers[0], answers[1] if len(answers) > 1 else _Arm()
        return [
            replace(hit, matches=_matches(hit.passage_id, by_words, by_meaning))
            for hit in self._fuse(WordHits(list(by_words.hits), 0.0), by_meaning.hits, limit)
        ]

    async def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        """Raises `ServiceFault`."""
        write = partial(self._call, seconds=self._write_seconds)
        await write(partial(self._prepare, self._dimensions(passages)))
        # What an attempt that broke off has left is only seen, and deleted, after a refresh.
        await write(self._refresh)
        await write(partial(self._delete_others, document_id, [each.passage_id for each in passages]))
        for start in range(0, len(passages), _BULK):
            await write(partial(self._add, passages[start : start + _BULK]))
        if passages:
            await write(self._refresh)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _vector(self, query: str) -> Vector | None:
        if self._embedder is None:
            return None
        try:
            return await self._embedder.query(query)
        except EmbedderUnavailable as error:
            log.warning("search_by_words_alone", reason=str(error))
            return None

    async def _search(self, searches: Sequence[dict[str, Any]]) -> list[_Arm]:
        lines: list[dict[str, Any]] = []
        for search in searches:
            # Before the first passage there is no index: then there is nothing to be found.
            lines += [{"index": self._index, "ignore_unavailable": True}, search]
        answer = await self._client.msearch(body=lines, request_timeout=self._find_seconds)
        words, *meaning = answer["responses"]
        return [_arm(words), *(_arm_or_nothing(each) for each in meaning)]

    async def _prepare(self, dimensions: int) -> None:
        """Make the index, and the field for vectors of so many numbers (0: there are none yet)."""
        timeout = self._write_seconds
        if not await self._client.indices.exists(index=self._index, request_timeout=timeout):
            await self._create()
        if dimensions and self._field:
            # Time and again, for another process may have made the index anew.
            mapping = requests.vector_mapping(self._field, dimensions)
            await self._client.indices.put_mapping(index=self._index, body=mapping, request_timeout=timeout)

    async def _create(self) -> None:
        body = {"settings": requests.index_settings(), "mappings": requests.index_mappings()}
        try:
            await self._client.indices.create(
                index=self._index, body=body, request_timeout=self._write_seconds
            )
        except RequestError as error:
            if error.error != "resource_already_exists_exception":  # another process was faster
                raise

    async def _refresh(self) -> None:
        await self._client.indices.refresh(index=self._index, request_timeout=self._write_seconds)

    async def _delete_others(self, document_id: UUID, kept: Sequence[UUID]) -> None:
        answer = await self._client.delete_by_query(
            index=self._index,
            body=requests.others_of(document_id, kept),
            conflicts="proceed",
            refresh=True,
            request_timeout=self._write_seconds,
        )
        if answer["failures"] or answer["version_conflicts"]:
            raise ServiceFault("old passages could not be deleted", passing=True)

    async def _add(self, passages: Sequence[IndexedPassage]) -> None:
        lines = requests.indexing(passages, self._field, self._dimensions(passages))
        # Vectors are long to write out: the event loop does not wait for it.
        body = await asyncio.to_thread(lambda: "".join(json.dumps(line) + "\n" for line in lines))
        answer = await self._client.bulk(index=self._index, body=body, request_timeout=self._write_seconds)
        if answer["errors"]:
            raise _refused(answer["items"])

    def _dimensions(self, passages: Sequence[IndexedPassage]) -> int:
        """Return how many numbers this embedder's vectors have, or 0 when there are none."""
        vectors = [len(each.vector) for each in passages if each.vector is not None]
        if not self._embedder or not vectors:
            return 0
        return self._embedder.dimensions or vectors[0]

    async def _call(self, call: Callable[[], Awaitable[T]], seconds: float) -> T:
        return await retried(partial(_told, call), seconds=seconds)


async def _told(call: Callable[[], Awaitable[T]]) -> T:
    """Await the call; what the library raises is told as a `ServiceFault`."""
    try:
        return await call()
    except NoConnection as error:
        raise ServiceFault(str(error), passing=True) from error
    except TransportError as error:
        raise _fault(str(error), error.status_code) from error
    except (SerializationError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise malformed(repr(error)) from error


def _fault(text: str, status: int | str) -> ServiceFault:
    return ServiceFault(text, passing=isinstance(status, int) and (status == 429 or status >= 500))


def _refused(items: Sequence[Mapping[str, Any]]) -> ServiceFault:
    """Return the fault of a bulk request of which some lines were not taken."""
    refusals = [line for item in items for line in item.values() if "error" in line]
    # One that will never be taken is what has to be told.
    worst = min(refusals, key=lambda line: line["status"] == 429 or line["status"] >= 500)
    return _fault(f"{len(refusals)} passages were not taken: {worst['error']}", worst["status"])


def _arm(answer: Mapping[str, Any], score: Callable[[float], float] = float) -> _Arm:
    if "error" in answer:
        raise _fault(str(answer["error"]), answer["status"])
    hits = answer["hits"]["hits"]
    return _Arm(
        tuple((UUID(hit["_id"]), score(hit["_score"])) for hit in hits),
        {UUID(hit["_id"]): tuple(hit.get("matched_queries", ())) for hit in hits},
    )


def _arm_or_nothing(answer: Mapping[str, Any]) -> _Arm:
    """Return what was found by meaning; where no vectors came in yet there is no field for them."""
    try:
        return _arm(answer, requests.cosine)
    except ServiceFault as fault:
        log.warning("search_by_words_alone", reason=str(fault))
        return _Arm()


def _matches(passage_id: UUID, by_words: _Arm, by_meaning: _Arm) -> tuple[Match, ...]:
    in_words, in_meaning = dict(by_words.hits), dict(by_meaning.hits)
    matches = []
    if passage_id in in_words:
        matches.append(Match("words", in_words[passage_id], by_words.words[passage_id]))
    if passage_id in in_meaning:
        matches.append(Match("meaning", in_meaning[passage_id]))
    return tuple(matches)


def _client(place: OpenSearchPlace) -> AsyncOpenSearch:
    options: dict[str, Any] = {"ca_certs": place.ca_file} if place.ca_file else {}
    if place.aws_region:
        # The library's other connection does not sign.
        options["connection_class"] = AsyncHttpConnection
        options["http_auth"] = AWSV4SignerAsyncAuth(_credentials(), place.aws_region)
    elif place.username:
        options["http_auth"] = (place.username, place.password)
    # Repetitions are ours alone: one loop, with a total deadline.
    return AsyncOpenSearch([place.url], max_retries=0, **options)


def _credentials() -> Any:
    """Return the credentials as AWS's own tools find them; they renew themselves."""
    from boto3.session import Session

    return Session().get_credentials()
