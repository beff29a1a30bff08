"""Search by services outside, chosen by settings: the services stand in on this machine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.infrastructure.settings import (
    BedrockSettings,
    EmbeddingSettings,
    EventSettings,
    KnowledgeSettings,
    OpenSearchSettings,
    Settings,
)
from tests.builders import Person, platform_on, problem_of
from tests.databases import query
from tests.houses import until
from tests.standins.knowledge_base import DATA_SOURCE, KNOWLEDGE_BASE, KnowledgeBaseStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.opensearch import OpenSearchStandIn
from tests.standins.serving import serving
from tests.unit.infrastructure.conftest import no_aws_files

LEAVE = "Annual leave has fifteen days."
CARS = "Company cars are washed on Friday."

StandIn = OpenSearchStandIn | KnowledgeBaseStandIn


@pytest.fixture(params=["opensearch", "bedrock"])
def standin(request: pytest.FixtureRequest) -> StandIn:
    return OpenSearchStandIn() if request.param == "opensearch" else KnowledgeBaseStandIn()


@pytest.fixture
def openai() -> OpenAIStandIn:
    return OpenAIStandIn(dimensions=64)


@pytest.fixture
def outside(
    settings: Settings,
    standin: StandIn,
    openai: OpenAIStandIn,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Settings]:
    """The settings of a platform that searches outside; OpenSearch takes vectors by an embedder outside, too."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    no_aws_files(monkeypatch, tmp_path)
    hasty = {"find_seconds": 1.0, "write_seconds": 1.0}
    with serving(standin.door) as url, serving(openai.door) as embedder_url:
        if isinstance(standin, OpenSearchStandIn):
            knowledge = KnowledgeSettings(index="opensearch", embeddings="openai:bge-m3", **hasty)
        else:
            knowledge = KnowledgeSettings(index="bedrock", **hasty)
        yield settings.model_copy(
            update={
                "knowledge": knowledge,
                "embeddings": EmbeddingSettings(
                    base_url=f"{embedder_url}/v1", query_seconds=0.2, rest_seconds=0
                ),
                "opensearch": OpenSearchSettings(url=url),
                "bedrock": BedrockSettings(
                    endpoint_url=url, knowledge_base_id=KNOWLEDGE_BASE, data_source_id=DATA_SOURCE
                ),
            }
        )


async def test_what_is_uploaded_is_found_outside_by_those_who_may_read_it(
    outside: Settings, standin: StandIn
) -> None:
    """Ready means that it can be found; deleted, that the service holds nothing of it."""
    async with platform_on(outside) as platform:
        admin = await platform.sign_up()
        member, other = await platform.sign_up("member"), await platform.sign_up("other")
        private = await admin.create_collection("Private", [await admin.create_group("staff", member)])
        public = await admin.create_collection("Public")
        leave, cars = await asyncio.gather(
            admin.upload_and_wait(private, "leave.txt", LEAVE.encode()),
            admin.upload_and_wait(public, "cars.txt", CARS.encode()),
        )
        assert (leave["status"], cars["status"]) == ("ready", "ready")
        assert (await member.texts_about("annual leave"))[0] == LEAVE
        assert LEAVE not in await other.texts_about("annual leave")
        assert await other.texts_about("company cars") == [CARS]
        answer = await member.ask("How many days has annual leave?")
        assert answer["citations"][0]["text"] == LEAVE
        await admin.delete(f"/knowledge/documents/{leave['id']}")
        assert LEAVE not in await member.texts_about("annual leave")
        await platform.delivered("knowledge.search_engine")
        assert kept(standin) == [CARS]
    assert not list((outside.data_dir / "index").glob("*"))


def kept(standin: StandIn) -> list[str]:
    """Return the texts that the service holds, in order."""
    if isinstance(standin, KnowledgeBaseStandIn):
        gone = {"DELETING", "DELETE_IN_PROGRESS"}
        texts = [each.text for each in standin.documents.values() if each.state not in gone]
    else:
        texts = [source["text"] for source in standin.indices["passages"].found.values()]
    return sorted(text.splitlines()[-1] for text in texts)


@pytest.mark.parametrize("standin", ["opensearch"], indirect=True)
async def test_vectors_come_into_the_service_a_little_later(
    outside: Settings, standin: OpenSearchStandIn, openai: OpenAIStandIn
) -> None:
    openai.door.fail(503, times=1_000)
    async with platform_on(outside) as platform:
        admin = await platform.sign_up()
        await admin.upload_and_wait(await admin.create_collection(), "leave.txt", LEAVE.encode())
        assert not await by_meaning(admin)
        openai.door.recover()
        await until(lambda: vectors(standin))
        assert await by_meaning(admin)


def vectors(standin: OpenSearchStandIn) -> list[object]:
    return [
        value
        for source in standin.indices["passages"].found.values()
        for value in source.values()
        if isinstance(value, list)
    ]


async def by_meaning(person: Person) -> bool:
    [passage] = (await person.post("/knowledge/search", {"query": "leave"}))["passages"]
    return {match["arm"] for match in passage["matches"]} == {"words", "meaning"}


async def test_while_the_service_is_down_searches_say_so_and_chat_answers_without(
    outside: Settings, standin: StandIn
) -> None:
    hasty = outside.knowledge.model_copy(update={"find_seconds": 0.2, "write_seconds": 0.2})
    async with platform_on(outside.model_copy(update={"knowledge": hasty})) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        await admin.upload_and_wait(collection_id, "leave.txt", LEAVE.encode())
        standin.door.fail(503, times=10_000)
        refused = await admin.call("POST", "/knowledge/search", json={"query": "annual leave"})
        assert problem_of(refused) == (503, "search_unavailable")
        answer = await admin.ask("How many days has annual leave?")
        assert "cannot be searched" in answer["answer"]
        assert answer["citations"] == []
        document_id = await admin.upload(collection_id, "cars.txt", CARS.encode())
        await until(lambda: attempts(outside) > 1)
        assert (await admin.get(f"/knowledge/documents/{document_id}"))["status"] == "processing"
        standin.door.recover()
        assert (await admin.read_to_its_end(document_id))["status"] == "ready"
        assert (await admin.texts_about("company cars"))[0] == CARS


def attempts(settings: Settings) -> int:
    statement = "SELECT attempts FROM event_checkpoint WHERE name = 'knowledge.search_engine'"
    [row] = query(settings, statement)
    return int(str(row[0]))


@pytest.mark.parametrize("standin", ["opensearch"], indirect=True)
async def test_a_change_that_was_parked_arrives_when_it_is_delivered_again(
    outside: Settings, standin: StandIn
) -> None:
    knowledge = outside.knowledge.model_copy(update={"write_seconds": 0.05})
    events = EventSettings(poll_seconds=0.05, gather_seconds=0, max_attempts=1)
    async with platform_on(outside.model_copy(update={"knowledge": knowledge, "events": events})) as platform:
        admin = await platform.sign_up()
        standin.door.fail(503, times=10_000)
        await admin.upload_and_wait(await admin.create_collection(), "leave.txt", LEAVE.encode())
        await platform.delivered("knowledge.search_engine")
        standin.door.recover()
        assert await admin.texts_about("annual leave") == []
        for event in (await admin.get("/operations/events/parked"))["items"]:
            assert event["subscription"] == "knowledge.search_engine"
            await admin.post(f"/operations/events/parked/{event['id']}/retry")
        await until_found(admin, "annual leave")


async def until_found(person: Person, question: str) -> None:
    async with asyncio.timeout(20):
        while await person.texts_about(question) == []:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # nothing else tells
