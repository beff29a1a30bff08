"""When a question's meaning is asked for, and what a search does without it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from src.domains.knowledge.services import retrieval
from src.domains.knowledge.services.ports import EmbedderUnavailable, Hit, IndexedPassage, WordHits
from src.domains.knowledge.services.retrieval import (
    HybridFinder,
    MeaningArm,
    QueryVectors,
    RetrievalCounts,
    VectorLimits,
    is_decisive,
)
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.search.vectors import UsearchVectorIndex
from tests.fakes import HashedEmbedder

COLLECTION = uuid4()
ONE, TWO, THREE = (UUID(int=number) for number in range(3))
PATIENT = VectorLimits(waiting=8, seconds=20.0)


@pytest.fixture
def embedder() -> HashedEmbedder:
    return HashedEmbedder()


@pytest.fixture
def counts() -> RetrievalCounts:
    return RetrievalCounts()


@pytest.fixture
def vectors(embedder: HashedEmbedder, counts: RetrievalCounts) -> QueryVectors:
    return QueryVectors(embedder, PATIENT, counts)


async def test_the_same_question_is_computed_once_for_many(
    vectors: QueryVectors, embedder: HashedEmbedder
) -> None:
    """For those who ask at once, and for those who ask later."""
    await asyncio.gather(*(vectors.get("how much leave") for _ in range(20)))
    await vectors.get("how much leave")
    assert embedder.questions == ["how much leave"]


async def test_with_many_in_the_making_a_further_question_is_refused_at_once(
    embedder: HashedEmbedder, counts: RetrievalCounts
) -> None:
    """Not one that is being made already, or was made before."""
    vectors = QueryVectors(embedder, VectorLimits(waiting=2, seconds=20.0), counts)
    await vectors.get("known")
    embedder.hold()
    made = [asyncio.create_task(vectors.get(question)) for question in ("first", "second", "first")]
    await asyncio.sleep(0)
    assert await vectors.get("third") is None
    assert await vectors.get("known") is not None
    embedder.go_on()
    assert all(vector is not None for vector in await asyncio.gather(*made))
    assert await vectors.get("third") is not None
    assert counts == RetrievalCounts(skipped=1)


@pytest.mark.parametrize("fault", [EmbedderUnavailable("throttled"), ValueError("never seen before")])
async def test_a_failing_embedder_is_counted_and_asked_again_later(
    vectors: QueryVectors, embedder: HashedEmbedder, counts: RetrievalCounts, fault: Exception
) -> None:
    embedder.fault = fault
    assert await asyncio.gather(vectors.get("leave"), vectors.get("leave")) == [None, None]
    assert counts == RetrievalCounts(failed=2)
    embedder.fault = None
    assert await vectors.get("leave") is not None


async def test_a_slow_embedder_is_not_waited_for_and_what_it_made_is_kept(
    embedder: HashedEmbedder, counts: RetrievalCounts
) -> None:
    vectors = QueryVectors(embedder, VectorLimits(waiting=1, seconds=0.01), counts)
    embedder.hold()
    assert await vectors.get("leave") is None
    assert await vectors.get("other") is None
    assert counts == RetrievalCounts(failed=1, skipped=1)
    embedder.go_on()
    await asyncio.sleep(0)
    assert await vectors.get("leave") is not None
    assert embedder.questions == ["leave"]


async def test_who_goes_away_takes_nothing_from_the_others(
    vectors: QueryVectors, embedder: HashedEmbedder
) -> None:
    embedder.hold()
    first, second = (asyncio.create_task(vectors.get("leave")) for _ in range(2))
    await embedder.begun()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    embedder.go_on()
    assert await second is not None
    assert embedder.questions == ["leave"]


async def test_an_embedder_that_is_closed_meanwhile_ends_no_search(
    vectors: QueryVectors, embedder: HashedEmbedder, counts: RetrievalCounts
) -> None:
    embedder.hold()
    search = asyncio.create_task(vectors.get("leave"))
    await embedder.begun()
    [making] = vectors._making.values()
    making.cancel()
    assert await search is None
    assert counts.failed == 1


async def test_the_last_questions_are_kept_and_no_more(
    vectors: QueryVectors, embedder: HashedEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "CACHED_QUERIES", 3)
    for question in ("a", "b", "c", "a", "d", "a", "b"):
        await vectors.get(question)
    assert embedder.questions == ["a", "b", "c", "d", "b"]
    assert list(vectors._made) == ["d", "a", "b"]
    assert not vectors._making


@pytest.mark.parametrize(
    ("scores", "attainable", "decisive"),
    [
        ([20.0, 10.0], 25.0, True),
        ([20.0], 25.0, True),
        ([20.0, 12.0], 25.0, False),
        ([20.0, 20.0], 25.0, False),
        ([20.0, 1.0], 100.0, False),
        ([20.0, 1.0], 0.0, False),
        ([], 25.0, False),
    ],
)
def test_words_are_decisive_with_a_clear_lead_and_most_of_the_question(
    scores: Sequence[float], attainable: float, decisive: bool
) -> None:
    scored = [(uuid4(), score) for score in scores]
    assert is_decisive(WordHits(scored, attainable)) is decisive


class Shelf:
    """Both indexes with some passages, and a finder on them."""

    def __init__(self, folder: Path, embedder: HashedEmbedder, counts: RetrievalCounts) -> None:
        self.words = TantivyPassageIndex(folder / "words", lambda text: text.lower().split())
        self.vectors = UsearchVectorIndex(folder / "vectors")
        self.embedder = embedder
        self.arm: MeaningArm | None = MeaningArm(embedder, self.vectors)
        self.finder = HybridFinder(self.words, lambda: self.arm, PATIENT, counts)

    def add(self, passage_id: UUID, text: str, *, embedded: bool = True) -> None:
        vector = self.embedder.vector(text) if embedded else None
        passage = IndexedPassage(passage_id, passage_id, COLLECTION, "", "", text, vector)
        self.words.replace(passage_id, [passage])
        self.vectors.replace(passage_id, [passage])
        self.words.commit(1)

    async def find(self, query: str, limit: int = 10) -> list[Hit]:
        return await self.finder.find(query, [COLLECTION], limit)


@pytest.fixture
def shelf(tmp_path: Path, embedder: HashedEmbedder, counts: RetrievalCounts) -> Shelf:
    shelf = Shelf(tmp_path, embedder, counts)
    shelf.add(ONE, "annual leave has fifteen days")
    shelf.add(TWO, "the company car park is below")
    shelf.add(THREE, "company cars are washed on friday")
    return shelf


async def test_what_no_word_shows_is_found_by_meaning(shelf: Shelf, counts: RetrievalCounts) -> None:
    [best, *_] = await shelf.find("vacation")
    assert (best.passage_id, [match.arm for match in best.matches]) == (ONE, ["meaning"])
    assert counts == RetrievalCounts(meant=1)


async def test_words_that_leave_no_doubt_cost_no_vector(
    shelf: Shelf, embedder: HashedEmbedder, counts: RetrievalCounts
) -> None:
    [best, *_] = await shelf.find("fifteen days")
    assert (best.passage_id, [match.arm for match in best.matches]) == (ONE, ["words"])
    assert embedder.questions == []
    assert counts == RetrievalCounts(decided=1)


@pytest.mark.parametrize("missing", ["model", "vectors"])
async def test_without_vectors_nobody_asks_for_one(
    shelf: Shelf, embedder: HashedEmbedder, missing: str
) -> None:
    if missing == "model":
        shelf.arm = None
    else:
        shelf.vectors.clear()
    assert await shelf.find("vacation") == []
    assert {hit.passage_id for hit in await shelf.find("company")} == {TWO, THREE}
    assert embedder.questions == []


async def test_without_a_vector_words_find_what_they_find_alone(
    shelf: Shelf, embedder: HashedEmbedder, counts: RetrievalCounts
) -> None:
    embedder.fault = EmbedderUnavailable("gone")
    assert {hit.passage_id for hit in await shelf.find("company")} == {TWO, THREE}
    assert await shelf.find("vacation") == []
    assert counts == RetrievalCounts(failed=2)


async def test_passages_without_a_vector_yet_are_found_by_words_beside_the_others(shelf: Shelf) -> None:
    late = UUID(int=4)
    shelf.add(late, "company phones are new", embedded=False)
    assert late in {hit.passage_id for hit in await shelf.find("company")}


async def test_nothing_asked_for_or_allowed_is_nothing(shelf: Shelf, embedder: HashedEmbedder) -> None:
    assert await shelf.find("vacation", 0) == []
    assert await shelf.finder.find("vacation", [], 5) == []
    assert await shelf.finder.find("vacation", [uuid4()], 5) == []


async def test_another_model_gets_questions_of_its_own(shelf: Shelf) -> None:
    """A vector of the model before must not be looked up among those of the next."""
    await shelf.find("vacation")
    other = HashedEmbedder("test:other", 32)
    index = UsearchVectorIndex(Path("unused"))
    index.replace(ONE, [IndexedPassage(ONE, ONE, COLLECTION, "", "", "", other.vector("leave"))])
    shelf.arm = MeaningArm(other, index)
    assert [hit.passage_id for hit in await shelf.find("vacation")] == [ONE]
    assert other.questions == ["vacation"]
