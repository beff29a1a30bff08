"""Search by OpenSearch, asked through its own library."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from src.domains.knowledge.services.fusion import fuse
from src.domains.knowledge.services.ports import (
    EmbedderUnavailable,
    Hit,
    IndexedPassage,
    Scored,
    SearchUnavailable,
    Vector,
    WordHits,
)
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import OpenSearchPlace
from src.infrastructure.search import opensearch_requests as requests
from src.infrastructure.search.opensearch import OpenSearchIndex
from tests.standins.opensearch import OpenSearchStandIn
from tests.standins.opensearch_query import Shelf, korean, search
from tests.standins.serving import meaning, serving

COLLECTION, OTHER_COLLECTION, DOCUMENT = uuid4(), uuid4(), uuid4()


class WordBag:
    """An embedder by the words that texts share; synonyms mean the same."""

    SYNONYMS = {"vacation": "leave", "휴가": "leave"}  # noqa: RUF012

    def __init__(self, dimensions: int = 64, name: str = "test:bag") -> None:
        self.name = name
        self.dimensions = dimensions
        self.broken = False

    async def query(self, text: str) -> Vector:
        if self.broken:
            raise EmbedderUnavailable("broken")
        return self.vector(text)

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([self.vector(text) for text in texts], np.float32)

    def vector(self, text: str) -> Vector:
        words = " ".join(self.SYNONYMS.get(word, word) for word in text.lower().split())
        vector = meaning(words, self.dimensions)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def sum_of_arms(words: WordHits, meanings: Sequence[Scored], limit: int) -> list[Hit]:
    totals: dict[UUID, float] = {}
    for passage_id, score in [*words.scored, *meanings]:
        totals[passage_id] = totals.get(passage_id, 0.0) + score
    ranked = sorted(totals.items(), key=lambda each: -each[1])
    return [Hit(passage_id, score) for passage_id, score in ranked[:limit]]


@pytest.fixture
def standin() -> OpenSearchStandIn:
    return OpenSearchStandIn()


@pytest.fixture
def url(standin: OpenSearchStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield address


@pytest.fixture
def embedder() -> WordBag:
    return WordBag()


@pytest.fixture
async def index(url: str, embedder: WordBag) -> AsyncIterator[OpenSearchIndex]:
    opened = reaching(url, embedder)
    yield opened
    await opened.close()


def reaching(url: str, embedder: WordBag | None, seconds: float = 5.0, **place: Any) -> OpenSearchIndex:
    return OpenSearchIndex(
        OpenSearchPlace(url, **place), sum_of_arms, embedder, find_seconds=seconds, write_seconds=seconds
    )


def passage(
    text: str, collection: UUID = COLLECTION, document: UUID = DOCUMENT, vector: Vector | None = None
) -> IndexedPassage:
    return IndexedPassage(uuid4(), document, collection, "Handbook", "p. 3", text, vector)


def ids(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.passage_id for hit in hits]


async def test_korean_is_found_whatever_stands_behind_the_word(index: OpenSearchIndex) -> None:
    leave, cars = passage("연차휴가는 15일이다."), passage("주차장은 지하에 있다.")
    await index.replace(DOCUMENT, [leave, cars])
    for question in ("연차휴가", "연차 휴가를", "연차휴가가 며칠인가요?"):
        assert ids(await index.find(question, [COLLECTION], 5))[:1] == [leave.passage_id]


async def test_english_is_found_by_its_stem_and_by_the_title(index: OpenSearchIndex) -> None:
    mine = passage("Employees are reimbursed for travelling.")
    await index.replace(DOCUMENT, [mine])
    for question in ("travel", "handbooks"):
        assert ids(await index.find(question, [COLLECTION], 5)) == [mine.passage_id]


async def test_a_hit_tells_its_arms_scores_and_words(index: OpenSearchIndex, embedder: WordBag) -> None:
    mine = passage("annual leave", vector=embedder.vector("annual leave"))
    await index.replace(DOCUMENT, [mine])
    (hit,) = await index.find("annual bonus", [COLLECTION], 5)
    words, near = hit.matches
    assert (words.arm, words.words, near.arm, near.words) == ("words", ("annual",), "meaning", ())
    assert hit.score == pytest.approx(words.score + near.score)
    cosine = float(embedder.vector("annual leave") @ embedder.vector("annual bonus"))
    assert near.score == pytest.approx(cosine, abs=1e-5)


async def test_both_arms_are_fused_as_on_this_machine(url: str, embedder: WordBag) -> None:
    index = OpenSearchIndex(OpenSearchPlace(url), fuse, embedder, find_seconds=5.0, write_seconds=5.0)
    texts = ("annual leave has fifteen days", "vacation has fifteen days", "cars are washed on Friday")
    leave, vacation, cars = (passage(text, vector=embedder.vector(text)) for text in texts)
    await index.replace(DOCUMENT, [cars, vacation, leave])
    hits = await index.find("annual leave", [COLLECTION], 2)
    assert ids(hits) == [leave.passage_id, vacation.passage_id]
    assert hits[0].matches[0].words == ("annual", "leave")
    await index.close()


async def test_what_shares_no_word_is_found_by_its_meaning(index: OpenSearchIndex, embedder: WordBag) -> None:
    mine = passage("vacation", vector=embedder.vector("vacation"))
    await index.replace(DOCUMENT, [mine])
    (hit,) = await index.find("휴가", [COLLECTION], 5)
    assert (hit.passage_id, [match.arm for match in hit.matches]) == (mine.passage_id, ["meaning"])


async def test_vectors_may_come_later(index: OpenSearchIndex, embedder: WordBag) -> None:
    """A passage is found by its words at once."""
    mine = passage("vacation")
    await index.replace(DOCUMENT, [mine])
    assert ids(await index.find("vacation", [COLLECTION], 5)) == [mine.passage_id]
    assert await index.find("leave", [COLLECTION], 5) == []
    await index.replace(DOCUMENT, [replace(mine, vector=embedder.vector("vacation"))])
    assert ids(await index.find("leave", [COLLECTION], 5)) == [mine.passage_id]


async def test_without_an_embedder_words_alone_are_searched(url: str) -> None:
    index = reaching(url, None)
    mine = passage("annual leave", vector=WordBag().vector("annual leave"))
    await index.replace(DOCUMENT, [mine])
    (hit,) = await index.find("leave", [COLLECTION], 5)
    assert [match.arm for match in hit.matches] == ["words"]
    await index.close()


async def test_an_embedder_that_fails_leaves_the_words(index: OpenSearchIndex, embedder: WordBag) -> None:
    mine = passage("annual leave", vector=embedder.vector("annual leave"))
    await index.replace(DOCUMENT, [mine])
    embedder.broken = True
    (hit,) = await index.find("leave", [COLLECTION], 5)
    assert [match.arm for match in hit.matches] == ["words"]


async def test_vectors_of_another_model_are_never_compared(
    url: str, index: OpenSearchIndex, embedder: WordBag
) -> None:
    """When the model changes words go on finding, and meaning as vectors of the new model come in."""
    mine = passage("vacation", vector=embedder.vector("vacation"))
    await index.replace(DOCUMENT, [mine])
    newer = WordBag(32, "test:newer")
    changed = reaching(url, newer)
    assert await changed.find("leave", [COLLECTION], 5) == []
    assert ids(await changed.find("vacation", [COLLECTION], 5)) == [mine.passage_id]
    await changed.replace(DOCUMENT, [replace(mine, vector=newer.vector("vacation"))])
    assert ids(await changed.find("leave", [COLLECTION], 5)) == [mine.passage_id]
    await changed.close()


@pytest.mark.parametrize("foreign", [0, 3, 3_000])
async def test_only_the_given_collections_are_searched_by_both_arms(
    index: OpenSearchIndex, embedder: WordBag, foreign: int
) -> None:
    """Foreign passages that fit better take no place away."""
    vector = embedder.vector("annual leave")
    mine = passage("a leave that is annual and long", vector=vector)
    others = [passage("annual leave", OTHER_COLLECTION, uuid4(), vector) for _ in range(60)]
    await index.replace(mine.document_id, [mine])
    await index.replace(uuid4(), others)
    collections = [COLLECTION, *(uuid4() for _ in range(foreign))]
    (hit,) = await index.find("annual leave", collections, 5)
    assert (hit.passage_id, len(hit.matches)) == (mine.passage_id, 2)


async def test_nothing_is_asked_without_a_question_or_a_collection(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    assert await index.find("leave", [], 5) == []
    assert await index.find("  ", [COLLECTION], 5) == []
    assert await index.find("leave", [COLLECTION], 0) == []
    assert standin.door.paths == []


@pytest.mark.parametrize(
    "question", ["연차휴가신청서양식 " * 500, "a " * 5_000, "휴가" * 5_000, "- ! ?", "a:b AND (c"]
)
async def test_any_question_is_taken(index: OpenSearchIndex, question: str) -> None:
    await index.replace(DOCUMENT, [passage("annual leave")])
    await index.find(question, [COLLECTION], 5)


@given(st.text(st.sampled_from("연차휴가신청서규정제출 abcXYZ019-_./(\n")))
def test_no_question_asks_for_more_than_a_query_may_hold(question: str) -> None:
    """Each word is looked up in several forms and fields; OpenSearch bounds them all together."""
    words = requests.words_of(question * 20)
    shelf = Shelf({}, dict.fromkeys(("heading", "heading.english", "text", "text.english"), korean), {})
    shelf.types = {"collection_id": "keyword"}
    assert search(shelf, requests.by_words(words, [COLLECTION], 50)) == []


async def test_before_the_first_passage_nothing_is_found(index: OpenSearchIndex) -> None:
    assert await index.find("leave", [COLLECTION], 5) == []


async def test_the_service_keeps_no_text_to_give_back(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    await index.replace(DOCUMENT, [passage("annual leave")])
    kept = standin.indices["passages"].mappings["_source"]
    assert kept == {"includes": ["document_id", "collection_id"]}


@pytest.mark.parametrize(("before", "after"), [(3, 250), (250, 3), (5, 0), (0, 0)])
async def test_a_new_version_leaves_nothing_of_the_old_one(
    index: OpenSearchIndex, standin: OpenSearchStandIn, before: int, after: int
) -> None:
    other = passage("annual leave", document=uuid4())
    await index.replace(other.document_id, [other])
    old = [passage(f"passage {number}") for number in range(before)]
    await index.replace(DOCUMENT, old)
    new = [*old[:1], *(passage(f"passage {number}") for number in range(after))][:after]
    await index.replace(DOCUMENT, new)
    await index.replace(DOCUMENT, new)
    found = standin.indices["passages"].found
    assert set(found) == {str(each.passage_id) for each in [other, *new]}


async def test_what_a_broken_attempt_left_is_deleted_by_the_next_one(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    """It was written, and never made visible."""
    left = passage("left over")
    await index.replace(DOCUMENT, [])
    standin.indices["passages"].write(str(left.passage_id), {"document_id": str(DOCUMENT), "text": "left"})
    await index.replace(DOCUMENT, [])
    assert standin.indices["passages"].written == {}


async def test_an_index_that_was_deleted_is_made_again(
    index: OpenSearchIndex, standin: OpenSearchStandIn, embedder: WordBag
) -> None:
    mine = passage("vacation", vector=embedder.vector("vacation"))
    await index.replace(DOCUMENT, [mine])
    del standin.indices["passages"]
    await index.replace(DOCUMENT, [mine])
    assert ids(await index.find("leave", [COLLECTION], 5)) == [mine.passage_id]


async def test_an_index_that_another_process_made_anew_gets_the_field_for_vectors(
    url: str, index: OpenSearchIndex, standin: OpenSearchStandIn, embedder: WordBag
) -> None:
    mine = passage("vacation", vector=embedder.vector("vacation"))
    await index.replace(DOCUMENT, [mine])
    del standin.indices["passages"]
    other = reaching(url, embedder)
    await other.replace(uuid4(), [])
    await other.close()
    await index.replace(DOCUMENT, [mine])
    assert ids(await index.find("leave", [COLLECTION], 5)) == [mine.passage_id]


async def test_a_vector_of_another_length_is_left_out(index: OpenSearchIndex) -> None:
    mine = passage("vacation", vector=WordBag(32).vector("vacation"))
    await index.replace(DOCUMENT, [mine])
    (hit,) = await index.find("vacation", [COLLECTION], 5)
    assert [match.arm for match in hit.matches] == ["words"]


async def test_processes_may_make_the_index_at_once(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    await index.replace(DOCUMENT, [])
    standin.door.fail(404)
    await index.replace(DOCUMENT, [passage("annual leave")])
    assert len(await index.find("leave", [COLLECTION], 5)) == 1


async def test_a_line_that_was_refused_in_haste_is_written_again(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    mine = passage("annual leave")
    error = {"type": "rejected_execution_exception", "reason": "full"}
    standin.refused_lines[str(mine.passage_id)] = {"status": 429, "error": error}
    await index.replace(DOCUMENT, [mine])
    assert len(await index.find("leave", [COLLECTION], 5)) == 1


async def test_a_line_that_will_never_be_taken_is_told(
    index: OpenSearchIndex, standin: OpenSearchStandIn
) -> None:
    mine = passage("annual leave")
    error = {"type": "mapper_parsing_exception", "reason": "no"}
    standin.refused_lines[str(mine.passage_id)] = {"status": 400, "error": error}
    with pytest.raises(ServiceFault, match="mapper_parsing_exception"):
        await index.replace(DOCUMENT, [mine])


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_fault_that_passes_is_not_noticed(
    index: OpenSearchIndex, standin: OpenSearchStandIn, status: int
) -> None:
    standin.door.fail(status)
    await index.replace(DOCUMENT, [passage("annual leave")])
    standin.door.fail(status)
    assert len(await index.find("leave", [COLLECTION], 5)) == 1


async def test_a_service_that_does_not_answer_is_told_as_unavailable(
    url: str, standin: OpenSearchStandIn
) -> None:
    index = reaching(url, None, seconds=0.3)
    standin.door.hang()
    with pytest.raises(SearchUnavailable) as told:
        await index.find("leave", [COLLECTION], 5)
    assert (told.value.status, told.value.retry_after) == (503, 5)
    assert await index.find("leave", [COLLECTION], 5) == []  # it is back
    await index.close()


async def test_a_service_that_is_not_there_is_told_as_unavailable() -> None:
    index = reaching("http://127.0.0.1:9", None, seconds=0.3)
    with pytest.raises(SearchUnavailable):
        await index.find("leave", [COLLECTION], 5)
    with pytest.raises(ServiceFault):
        await index.replace(DOCUMENT, [])
    await index.close()


async def test_who_is_told_to_the_service(embedder: WordBag) -> None:
    standin = OpenSearchStandIn("search", "secret")
    with serving(standin.door) as url:
        known = reaching(url, embedder, username="search", password="secret")
        stranger = reaching(url, embedder)
        await known.replace(DOCUMENT, [passage("annual leave")])
        assert len(await known.find("leave", [COLLECTION], 5)) == 1
        with pytest.raises(SearchUnavailable, match="refuses"):
            await stranger.find("leave", [COLLECTION], 5)
        await known.close()
        await stranger.close()


async def test_requests_are_signed_for_aws(
    url: str, standin: OpenSearchStandIn, aws_credentials: None
) -> None:
    index = reaching(url, None, aws_region="ap-northeast-2")
    await index.replace(DOCUMENT, [passage("annual leave")])
    signed = standin.door.headers[-1]["authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/ap-northeast-2/es/aws4_request" in signed
    await index.close()


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "{}",
        '{"responses": []}',
        '{"responses": [{"hits": {}}]}',
        '{"responses": [{"hits": {"hits": [{"_id": "x", "_score": 1}]}}]}',
    ],
)
async def test_an_answer_of_another_form_is_told_as_unavailable(
    index: OpenSearchIndex, standin: OpenSearchStandIn, body: str
) -> None:
    standin.door.fail(200, body)
    with pytest.raises(SearchUnavailable):
        await index.find("leave", [COLLECTION], 5)
