"""Finding passages on this machine: by words, and by meaning where the words leave a doubt."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from src.domains.knowledge.services.fusion import CROWD, fuse
from src.domains.knowledge.services.ports import (
    Embedder,
    EmbedderUnavailable,
    Hit,
    Vector,
    VectorIndex,
    WordHits,
    WordIndex,
)

DECISIVE_MARGIN = 0.45
"""How far the best passage must lead the second one, as a share of its score, to need no second opinion."""

DECISIVE_COVERAGE = 0.35
"""How much of the score that the query's words can give it must have."""

CACHED_QUERIES = 1_000

log = structlog.get_logger(__name__)


@dataclass
class RetrievalCounts:
    """How searches went since the start: `decided` by words alone, `meant` with vectors, `skipped` under load."""

    decided: int = 0
    meant: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True)
class MeaningArm:
    """A model and the vectors that it made."""

    embedder: Embedder
    index: VectorIndex


class QueryVectors:
    """The vectors of questions: the last ones are kept, the same question is computed once.

    With `waiting` of them in the making a further one is refused: by words alone an answer comes at once.
    """

    def __init__(self, embedder: Embedder, counts: RetrievalCounts, waiting: int) -> None:
        self._embedder = embedder
        self._counts = counts
        self._waiting = waiting
        self._made: OrderedDict[str, Vector] = OrderedDict()
        self._making: dict[str, asyncio.Task[Vector]] = {}

    async def get(self, query: str) -> Vector | None:
        """Return the vector, or None when there is no time for it or it cannot be had."""
        if (vector := self._made.get(query)) is not None:
            self._made.move_to_end(query)
            return vector
        if query not in self._making and len(self._making) >= self._waiting:
            self._counts.skipped += 1
            return None
        try:
            # Shielded: one who asks and goes away takes nothing from the others.
            return await asyncio.shield(self._made_once(query))
        except EmbedderUnavailable as error:
            self._counts.failed += 1
            log.warning("search_by_words_alone", reason=str(error))
            return None

    def _made_once(self, query: str) -> "asyncio.Task[Vector]":
        if query not in self._making:
            task = asyncio.create_task(self._embedder.query(query))
            task.add_done_callback(lambda done: self._keep(query, done))
            self._making[query] = task
        return self._making[query]

    def _keep(self, query: str, done: "asyncio.Task[Vector]") -> None:
        del self._making[query]
        if not done.cancelled() and done.exception() is None:
            self._made[query] = done.result()
            if len(self._made) > CACHED_QUERIES:
                self._made.popitem(last=False)


class HybridFinder:
    """Implements `PassageFinder` on this machine's indexes.

    A vector costs ten times what a search by words costs, so it is only made where the words leave a doubt.
    `serving` names the model whose vectors are searched; None while there is none.
    """

    def __init__(
        self,
        words: WordIndex,
        serving: Callable[[], MeaningArm | None],
        waiting: int,
        counts: RetrievalCounts,
    ) -> None:
        self._words = words
        self._serving = serving
        self._waiting = waiting
        self._counts = counts
        self._vectors: dict[str, QueryVectors] = {}

    async def find(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        if not collection_ids or limit < 1:
            return []
        wanted = max(limit, CROWD)
        words = self._words.search(query, collection_ids, wanted)
        arm = self._serving()
        if arm is None or not arm.index.size:
            return fuse(words, [], limit)
        if is_decisive(words):
            self._counts.decided += 1
            return fuse(words, [], limit)
        vector = await self._vectors_of(arm).get(query)
        if vector is None:
            return fuse(words, [], limit)
        self._counts.meant += 1
        return fuse(words, arm.index.search(vector, collection_ids, wanted), limit)

    def _vectors_of(self, arm: MeaningArm) -> QueryVectors:
        if arm.embedder.name not in self._vectors:
            vectors = QueryVectors(arm.embedder, self._counts, self._waiting)
            self._vectors = {arm.embedder.name: vectors}
        return self._vectors[arm.embedder.name]


def is_decisive(words: WordHits) -> bool:
    """Whether the words alone show the passage: it leads clearly, and most of what was asked stands in it."""
    if not words.scored or not words.attainable:
        return False
    best = words.scored[0][1]
    second = words.scored[1][1] if len(words.scored) > 1 else 0.0
    return best - second >= DECISIVE_MARGIN * best and best >= DECISIVE_COVERAGE * words.attainable
