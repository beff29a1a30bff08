"""Search by a knowledge base of Amazon Bedrock through boto3; requests are checked by the service's model."""

from collections.abc import AsyncIterator, Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from src.domains.knowledge.services.ports import Hit, IndexedPassage, SearchUnavailable
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import AwsPlace, KnowledgeBasePlace
from src.infrastructure.search.bedrock_knowledge_base import BedrockKnowledgeBase, SearchType
from tests.standins.aws import Contract
from tests.standins.knowledge_base import DATA_SOURCE, KNOWLEDGE_BASE, Kept, KnowledgeBaseStandIn
from tests.standins.serving import serving

COLLECTION, OTHER_COLLECTION, DOCUMENT = uuid4(), uuid4(), uuid4()
SEOUL = "ap-northeast-2"

pytestmark = pytest.mark.usefixtures("aws_credentials")


@pytest.fixture
def standin() -> KnowledgeBaseStandIn:
    return KnowledgeBaseStandIn()


@pytest.fixture
def url(standin: KnowledgeBaseStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield address


@pytest.fixture
async def index(url: str) -> AsyncIterator[BedrockKnowledgeBase]:
    knowledge_base = reaching(url)
    yield knowledge_base
    await knowledge_base.close()


def reaching(
    url: str,
    search_type: SearchType | None = None,
    *,
    seconds: float = 5.0,
    knowledge_base: str = KNOWLEDGE_BASE,
    indexing_seconds: float = 5.0,
) -> BedrockKnowledgeBase:
    return BedrockKnowledgeBase(
        KnowledgeBasePlace(AwsPlace(SEOUL, url), knowledge_base, DATA_SOURCE),
        search_type,
        find_seconds=seconds,
        write_seconds=seconds,
        indexing_seconds=indexing_seconds,
        poll_seconds=0.0,
    )


def passage(text: str, collection: UUID = COLLECTION, document: UUID = DOCUMENT) -> IndexedPassage:
    return IndexedPassage(uuid4(), document, collection, "Handbook", "p. 3", text)


def many(number: int) -> list[IndexedPassage]:
    return [passage(f"passage number {each}") for each in range(number)]


def ids(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.passage_id for hit in hits]


async def test_passages_are_found_once_a_change_returns(index: BedrockKnowledgeBase) -> None:
    leave, cars = passage("annual leave has fifteen days"), passage("company cars are washed on Friday")
    await index.replace(DOCUMENT, [leave, cars])
    hits = await index.find("how many days of annual leave", [COLLECTION], 5)
    assert ids(hits) == [leave.passage_id, cars.passage_id]
    assert [match.arm for match in hits[0].matches] == ["meaning"]
    assert hits[0].score == hits[0].matches[0].score > hits[1].score


async def test_the_title_and_the_place_are_found_too(index: BedrockKnowledgeBase) -> None:
    mine = passage("fifteen days")
    await index.replace(DOCUMENT, [mine])
    assert ids(await index.find("handbook", [COLLECTION], 1)) == [mine.passage_id]


@pytest.mark.parametrize("foreign", [0, 1, 3, 1_200])
async def test_only_the_given_collections_are_searched(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn, foreign: int
) -> None:
    """For one collection, for several, and for more than a request should name."""
    mine, other = passage("annual leave"), passage("annual leave", OTHER_COLLECTION, uuid4())
    await index.replace(mine.document_id, [mine])
    await index.replace(other.document_id, [other])
    collections = [COLLECTION, *(uuid4() for _ in range(foreign))]
    assert ids(await index.find("annual leave", collections, 10)) == [mine.passage_id]


async def test_nothing_is_asked_without_a_question_or_a_collection(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    assert await index.find("leave", [], 5) == []
    assert await index.find("  ", [COLLECTION], 5) == []
    assert await index.find("leave", [COLLECTION], 0) == []
    assert standin.asked == []


async def test_a_long_question_is_cut_and_many_hits_are_bounded(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    assert await index.find("연차 " * 20_000, [COLLECTION], 1_000) == []
    asked = standin.asked[-1][1]
    assert len(asked["retrievalQuery"]["text"]) <= 1_000
    assert asked["retrievalConfiguration"]["vectorSearchConfiguration"]["numberOfResults"] == 100


@pytest.mark.parametrize("search_type", [None, "HYBRID", "SEMANTIC"])
async def test_the_search_type_is_the_services_unless_it_is_chosen(
    url: str, standin: KnowledgeBaseStandIn, search_type: SearchType | None
) -> None:
    index = reaching(url, search_type)
    await index.find("leave", [COLLECTION], 5)
    search = standin.asked[-1][1]["retrievalConfiguration"]["vectorSearchConfiguration"]
    assert search.get("overrideSearchType") == search_type
    await index.close()


@pytest.mark.parametrize(("before", "after"), [(23, 4), (4, 23), (20, 10), (35, 0), (1, 1)])
async def test_a_new_version_leaves_nothing_of_the_old_one(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn, before: int, after: int
) -> None:
    """Though nobody here remembers how many passages there were."""
    await index.replace(DOCUMENT, many(before))
    new = many(after)
    await index.replace(DOCUMENT, new)
    indexed = {kept.metadata["passage_id"] for kept in standin.documents.values() if kept.state == "INDEXED"}
    assert indexed == {str(each.passage_id) for each in new}


async def test_other_documents_stay_as_they_are(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    other = passage("annual leave", document=uuid4())
    await index.replace(other.document_id, [other])
    await index.replace(DOCUMENT, many(3))
    await index.replace(DOCUMENT, [])
    assert ids(await index.find("annual leave", [COLLECTION], 10)) == [other.passage_id]


async def test_a_deletion_that_breaks_off_is_completed_by_the_next_one(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    await index.replace(DOCUMENT, many(35))
    refused = {"x-amzn-errortype": "ValidationException"}
    for calls_before in range(5):
        standin.door.pass_on(calls_before)
        standin.door.fail(400, {"message": "broken off"}, refused)
        with pytest.raises(ServiceFault):
            await index.replace(DOCUMENT, [])
    await index.replace(DOCUMENT, [])
    assert not [kept for kept in standin.documents.values() if kept.state == "INDEXED"]


async def test_what_others_put_into_the_knowledge_base_is_passed_over(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    standin.documents["foreign"] = Kept("annual leave", {"collection_id": str(COLLECTION)}, "INDEXED")
    assert await index.find("annual leave", [COLLECTION], 5) == []


@pytest.mark.parametrize("state", ["FAILED", "PARTIALLY_INDEXED", "METADATA_PARTIALLY_INDEXED", "NOT_FOUND"])
async def test_passages_that_will_never_be_found_are_told(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn, state: str
) -> None:
    standin.never_indexed = state
    with pytest.raises(ServiceFault, match=state):
        await index.replace(DOCUMENT, many(1))


async def test_indexing_that_has_no_end_is_given_up(url: str, standin: KnowledgeBaseStandIn) -> None:
    standin.never_indexed = "PENDING"
    index = reaching(url, indexing_seconds=0.3)
    with pytest.raises(ServiceFault, match="not indexed within"):
        await index.replace(DOCUMENT, many(1))
    await index.close()


async def test_a_fault_that_passes_is_not_noticed(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn
) -> None:
    standin.door.fail(429, {"message": "slow down"}, {"x-amzn-errortype": "ThrottlingException"})
    await index.replace(DOCUMENT, [passage("annual leave")])
    standin.door.fail(502, {"message": "later"}, {"x-amzn-errortype": "BadGatewayException"})
    assert len(await index.find("annual leave", [COLLECTION], 5)) == 1


async def test_a_service_that_does_not_answer_is_told_as_unavailable(
    url: str, standin: KnowledgeBaseStandIn
) -> None:
    index = reaching(url, seconds=0.3)
    standin.door.hang()
    with pytest.raises(SearchUnavailable) as told:
        await index.find("annual leave", [COLLECTION], 5)
    assert (told.value.status, told.value.retry_after) == (503, 5)
    await index.close()


async def test_a_knowledge_base_that_is_not_there_is_told_at_once_and_without_its_name(
    url: str, standin: KnowledgeBaseStandIn
) -> None:
    index = reaching(url, knowledge_base="ELSEWHERE1")
    with pytest.raises(SearchUnavailable) as told:
        await index.find("annual leave", [COLLECTION], 5)
    assert "ELSEWHERE1" not in told.value.detail
    assert "knowledge base" not in told.value.detail
    assert len(standin.asked) == 1
    await index.close()


@pytest.mark.parametrize(
    "body",
    ["<html>", "{}", '{"retrievalResults": [{"metadata": {"passage_id": "x"}}]}', '{"retrievalResults": 3}'],
)
async def test_an_answer_of_another_form_is_told_as_unavailable(
    index: BedrockKnowledgeBase, standin: KnowledgeBaseStandIn, body: str
) -> None:
    standin.door.fail(200, body)
    with pytest.raises(SearchUnavailable):
        await index.find("annual leave", [COLLECTION], 5)


@pytest.mark.parametrize(
    "filtered",
    [
        {"orAll": [{"equals": {"key": "collection_id", "value": "1"}}]},
        {"andAll": [{"equals": {"key": "a", "value": "1"}}]},
        {"equals": {"key": "a", "value": "1"}, "in": {"key": "a", "value": ["1"]}},
        {"equals": {"key": "", "value": "1"}},
        {"is": {"key": "a", "value": "1"}},
    ],
)
def test_the_stand_in_refuses_filters_that_the_service_refuses(filtered: dict[str, object]) -> None:
    contract = Contract("bedrock-agent-runtime", SEOUL)
    shape = contract.shape("RetrievalFilter")
    assert contract.faults(shape, filtered)
    assert not contract.faults(shape, {"equals": {"key": "a", "value": "1"}})
