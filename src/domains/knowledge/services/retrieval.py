"""Finding passages on this machine: by words, and by meaning where the words leave a doubt."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
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
    """How many searches went which way since the start.

    `decided` by words alone, since they left no doubt or there are no vectors; `meant` by words and meaning;
    by words for want of the question's vector: `skipped` under load, `failed` where it could not be had in time.
    """

    decided: int = 0
    meant: int = 0
    skipped: int = 0
    failed: int = 0

    def by_means(self) -> Mapping[str, int]:
        """Return the counts by what the searches went by, in words."""
        return {
            "words": self.decided,
            "words_and_meaning": self.meant,
            "words_under_load": self.skipped,
            "words_without_vector": self.failed,
        }


@dataclass(frozen=True)
class VectorLimits:
    """How many questions' vectors are made at once, and how many seconds a search waits for one."""

    waiting: int = 8
    seconds: float = 1.0


@dataclass(frozen=True)
class MeaningArm:
    """A model and the vectors that it made."""

    embedder: Embedder
    index: VectorIndex


class QueryVectors:
    """The vectors of questions: the last ones are kept, the same question is computed once.

    With as many in the making as may be, a further one is refused: by words alone an answer comes at once.
    """

    def __init__(self, embedder: Embedder, limits: VectorLimits, counts: RetrievalCounts) -> None:
        self._embedder = embedder
        self._limits = limits
        self._counts = counts
        self._made: OrderedDict[str, Vector] = OrderedDict()
        self._making: dict[str, asyncio.Task[Vector]] = {}

    async def get(self, query: str) -> Vector | None:
        """Return the vector, or None when there is no time for it or it cannot be had."""
        if (vector := self._made.get(query)) is not None:
            self._made.move_to_end(query)
            return vector
        if query not in self._making and len(self._making) >= self._limits.waiting:
            self._counts.skipped += 1
            return None
        task = self._made_once(query)
        # Who goes away or waits no longer takes nothing from the others, nor from who asks it again.
        await asyncio.wait([task], timeout=self._limits.seconds)
        try:
            return task.result()
        except asyncio.InvalidStateError:
            log.warning("search_by_words_alone", reason="The question's vector takes too long.")
        except (EmbedderUnavailable, asyncio.CancelledError) as error:
            log.warning("search_by_words_alone", reason=str(error))
        except Exception:  # whatever is wrong with the embedder, words do without it
            log.exception("search_by_words_alone")
        self._counts.failed += 1
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
        limits: VectorLimits,
        counts: RetrievalCounts,
    ) -> None:
        self._words = words
        self._serving = serving
        self._limits = limits
        self._counts = counts
        self._vectors: dict[str, QueryVectors] = {}

    async def find(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        if not collection_ids or limit < 1:
            return []
        # The second one tells whether the first is decisive; the crowd is only looked at where it counts.
        words = self._words.search(query, collection_ids, max(limit, 2))
        arm = self._serving()
        if arm is None or not arm.index.size or is_decisive(words):
            self._counts.decided += 1
            return fuse(words, [], limit)
        vector = await self._vectors_of(arm).get(query)
        if vector is None:
            return fuse(words, [], limit)
        self._counts.meant += 1
        depth = max(limit, CROWD)
        words = self._words.search(query, collection_ids, depth)
        return fuse(words, arm.index.search(vector, collection_ids, depth), limit)

    def _vectors_of(self, arm: MeaningArm) -> QueryVectors:
        if arm.embedder.name not in self._vectors:
            vectors = QueryVectors(arm.embedder, self._limits, self._counts)
            self._vectors = {arm.embedder.name: vectors}
        return self._vectors[arm.embedder.name]


def is_decisive(words: WordHits) -> bool:
    """Whether the words alone show the passage: it leads clearly, and most of what was asked stands in it."""
    if not words.scored or not words.attainable:
        return False
    best = words.scored[0][1]
    second = words.scored[1][1] if len(words.scored) > 1 else 0.0
    return best - second >= DECISIVE_MARGIN * best and best >= DECISIVE_COVERAGE * words.attainable
