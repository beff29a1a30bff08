"""Vectors of passages: made in the background, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from src.domains.knowledge.repositories.vectors import VectorRepository
from src.domains.knowledge.services.embedding import EmbeddingLimits, EmbeddingWorker
from src.domains.knowledge.services.ports import Embedder, EmbedderUnavailable
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.infrastructure.settings import KnowledgeSettings, Settings
from tests.builders import Person, Platform, platform_on
from tests.databases import query
from tests.fakes import HashedEmbedder
from tests.houses import until

LEAVE = "Annual leave has fifteen days."
CARS = "Company cars are washed on Friday."
HASTY = EmbeddingLimits(poll=0.01, longest_pause=0.04)

HANDBOOK = """# Leave

Annual leave has fifteen days. It grows by a day every two years.

# Cars

Company cars are washed on Friday. Whoever drives one fills it up.

# Phones

The phone is exchanged every third year. Old ones are given back.
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Each heading of the handbook makes a passage."""
    knowledge = KnowledgeSettings(embeddings="none", passage_tokens=50, passage_overlap_tokens=0)
    return settings.model_copy(update={"knowledge": knowledge})


@asynccontextmanager
async def embedding(
    settings: Settings,
    embedder: Embedder,
    limits: EmbeddingLimits = HASTY,
    before: HashedEmbedder | None = None,
) -> AsyncIterator[Platform]:
    """Run a platform with this embedder; `before` is what can still be had of an earlier one."""
    ports = {"embedder": embedder, "embedding_limits": limits, "earlier_embedder": lambda _name: before}
    async with platform_on(settings, **ports) as platform:
        yield platform


async def embedded(platform: Platform, model: str = "test:hashed") -> None:
    """Wait until all there is has vectors of the model and is found by them."""
    database: Database = platform.app.state.subscriptions._database
    async with asyncio.timeout(20):
        while await database.read(lambda uow: VectorRepository(uow).is_any_unembedded(model)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing else tells: another process may be embedding it
    await platform.delivered("knowledge.meaning")


async def library(platform: Platform, *texts: str) -> tuple[Person, str]:
    """Return an administrator and their collection, with a document for each text."""
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    for number, text in enumerate(texts):
        await admin.upload_and_wait(collection_id, f"{number}.md", text.encode())
    return admin, collection_id


async def again(platform: Platform) -> Person:
    """Return the administrator of a platform that was started again."""
    tokens = await platform.sign_in("admin@example.com")
    return Person(platform, "admin@example.com", tokens, {})


async def first_about(person: Person, question: str) -> Sequence[str]:
    return (await person.texts_about(question))[:1]


def models(settings: Settings) -> list[object]:
    return [row[0] for row in query(settings, "SELECT DISTINCT model FROM knowledge_passage_vector")]


async def test_a_document_is_found_by_words_at_once_and_by_meaning_a_little_later(
    settings: Settings,
) -> None:
    """The worker hears of it, though it looks for work once in ten minutes."""
    embedder = HashedEmbedder()
    embedder.hold()
    async with embedding(settings, embedder, EmbeddingLimits(poll=600.0)) as platform:
        admin, _ = await library(platform, LEAVE)
        assert await admin.texts_about("leave") == [LEAVE]
        assert await admin.texts_about("vacation") == []
        await embedder.begun()
        embedder.go_on()
        await embedded(platform)
        assert await admin.texts_about("vacation") == [LEAVE]
        [passage] = (await admin.post("/knowledge/search", {"query": "vacation"}))["passages"]
        assert [match["arm"] for match in passage["matches"]] == ["meaning"]
    assert embedder.closed


async def test_prometheus_reads_what_searches_go_by(settings: Settings) -> None:
    embedder = HashedEmbedder()
    async with embedding(settings, embedder) as platform:
        admin, _ = await library(platform, LEAVE, CARS)
        await embedded(platform)
        for question in ("vacation", "holidays", "annual leave has fifteen days"):
            await admin.texts_about(question)
        embedder.fault = EmbedderUnavailable("gone")
        await admin.texts_about("sabbatical")
        text = (await platform.client.get("/metrics")).text
    told = {
        sample.labels["by"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "platform_searches_total"
    }
    assert told == {"words": 1, "words_and_meaning": 2, "words_under_load": 0, "words_without_vector": 1}


async def test_what_is_meant_is_found_by_those_alone_who_may_read_it(settings: Settings) -> None:
    async with embedding(settings, HashedEmbedder()) as platform:
        admin = await platform.sign_up()
        member, other = await platform.sign_up("member"), await platform.sign_up("other")
        collection_id = await admin.create_collection(group_ids=[await admin.create_group("staff", member)])
        await admin.upload_and_wait(collection_id, "leave.md", LEAVE.encode())
        await embedded(platform)
        assert await member.texts_about("vacation") == [LEAVE]
        assert await other.texts_about("vacation") == []


async def test_a_worker_that_was_stopped_goes_on_where_it_was(settings: Settings) -> None:
    one_by_one = EmbeddingLimits(batch=1, poll=0.01)
    first, second = HashedEmbedder(), HashedEmbedder()
    first.hold("phone")
    async with embedding(settings, first, one_by_one) as platform:
        await library(platform, HANDBOOK)
        await first.begun()
    async with embedding(settings, second, one_by_one) as platform:
        await embedded(platform)
        assert await first_about(await again(platform), "vacation days") != []
    assert (len(first.texts), len(second.texts)) == (2, 1)
    assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 3


async def test_a_document_that_is_deleted_meanwhile_leaves_no_vector(settings: Settings) -> None:
    embedder = HashedEmbedder()
    embedder.hold("leave")
    async with embedding(settings, embedder) as platform:
        admin, collection_id = await library(platform)
        document = await admin.upload_and_wait(collection_id, "leave.md", LEAVE.encode())
        await embedder.begun()
        await admin.delete(f"/knowledge/documents/{document['id']}")
        embedder.go_on()
        await admin.upload_and_wait(collection_id, "cars.md", CARS.encode())
        await embedded(platform)
        assert await admin.texts_about("vacation") == [CARS]
        assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 1


async def test_a_version_that_is_replaced_meanwhile_gives_way(settings: Settings) -> None:
    embedder = HashedEmbedder()
    embedder.hold("fifteen")
    async with embedding(settings, embedder) as platform:
        admin, collection_id = await library(platform, LEAVE)
        await embedder.begun()
        newer = "Annual leave has twenty days."
        await admin.upload_and_wait(collection_id, "0.md", newer.encode())
        embedder.go_on()
        await embedded(platform)
        assert await admin.texts_about("vacation") == [newer]
        assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 1


async def test_a_deleted_document_is_found_by_meaning_no_more(settings: Settings) -> None:
    async with embedding(settings, HashedEmbedder()) as platform:
        admin, collection_id = await library(platform, CARS)
        document = await admin.upload_and_wait(collection_id, "leave.md", LEAVE.encode())
        await embedded(platform)
        assert await first_about(admin, "vacation") == [LEAVE]
        await admin.delete(f"/knowledge/documents/{document['id']}")
        assert await admin.texts_about("vacation") == [CARS]
        await platform.delivered("knowledge.meaning")
        assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 1


@pytest.mark.only("postgresql")
async def test_two_processes_share_the_work(settings: Settings) -> None:
    one, two = HashedEmbedder(), HashedEmbedder()
    one.hold()
    async with embedding(settings, one) as platform, embedding(settings, two) as other:
        two.hold()
        await library(platform, *(f"The leave number {number} is this." for number in range(6)))
        await one.begun()
        await two.begun()
        one.go_on()
        two.go_on()
        await embedded(platform)
        await embedded(other)
        assert len(await (await again(other)).texts_about("vacations")) == 6
    assert len({*one.texts, *two.texts}) == len(one.texts) + len(two.texts) == 6


@pytest.mark.only("postgresql")
async def test_a_process_that_is_silent_loses_its_document(settings: Settings) -> None:
    """What it brings in the end is dropped: somebody else has it by then, who is known by their dimensions."""
    silent, other = HashedEmbedder(dimensions=32), HashedEmbedder(dimensions=64)
    silent.hold()
    async with embedding(settings, silent, EmbeddingLimits(poll=0.01, lease=0.3)) as platform:
        admin, collection_id = await library(platform, LEAVE)
        await silent.begun()
        other.hold()
        async with embedding(settings, other) as second:
            await other.begun()
            silent.go_on()
            await admin.upload_and_wait(collection_id, "cars.md", CARS.encode())
            await until(lambda: vectors(settings) == [64])
            other.go_on()
            await embedded(second)
    assert sorted(vectors(settings)) == [64, 128]


def vectors(settings: Settings) -> list[int]:
    """Return the sizes of all vectors, in bytes: two for a number."""
    return [
        int(str(row[0])) for row in query(settings, "SELECT length(vector) FROM knowledge_passage_vector")
    ]


@pytest.mark.parametrize(
    "fault",
    [
        EmbedderUnavailable("throttled"),
        EmbedderUnavailable("wrong key", lasting=True),
        RuntimeError("the engine is broken"),
    ],
)
async def test_while_nobody_makes_vectors_passages_wait(settings: Settings, fault: Exception) -> None:
    """However long it takes, none is given up on: it is not their fault."""
    embedder = HashedEmbedder()
    embedder.fault = fault
    async with embedding(settings, embedder) as platform:
        admin, _ = await library(platform, LEAVE, CARS)
        for _ in range(HASTY.tries + 3):
            embedder.hold()
            await embedder.begun()
            embedder.go_on()
        assert await admin.texts_about("leave") == [LEAVE]
        embedder.fault = None
        await embedded(platform)
        assert await first_about(admin, "vacation") == [LEAVE]
        assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        ValueError("not of this world"),
        EmbedderUnavailable("400: too many tokens", lasting=True),
        EmbedderUnavailable("500: the server cannot do it, whatever it says"),
    ],
)
async def test_a_passage_that_is_not_taken_goes_without_and_holds_nobody_up(
    settings: Settings, refusal: Exception
) -> None:
    embedder = HashedEmbedder(refused="washed", refusal=refusal)
    async with embedding(settings, embedder) as platform:
        admin, _ = await library(platform, HANDBOOK, "The vault has a leave code.")
        await embedded(platform)
        assert "Annual leave" in (await first_about(admin, "vacation days"))[0]
        assert "washed" in (await first_about(admin, "washed on Friday"))[0]
        assert len(query(settings, "SELECT model FROM knowledge_passage_vector")) == 3


@pytest.mark.parametrize("dimensions", [64, 32])
async def test_a_change_of_the_model_keeps_serving_by_the_vectors_before(
    settings: Settings, dimensions: int
) -> None:
    old, new = HashedEmbedder("test:old"), HashedEmbedder("test:new", dimensions)
    async with embedding(settings, old) as platform:
        await library(platform, LEAVE, CARS, "Phones are exchanged every third year.")
        await embedded(platform, "test:old")
    new.hold("exchanged")
    before = HashedEmbedder("test:old")
    async with embedding(settings, new, before=before) as platform:
        admin = await again(platform)
        await new.begun()
        assert await first_about(admin, "vacation") == [LEAVE]
        assert (before.questions, new.questions) == (["vacation"], [])
        new.go_on()
        await embedded(platform, "test:new")
        await only_model(settings, "test:new")
        await platform.delivered("knowledge.meaning.before")
        assert await first_about(admin, "vacations") == [LEAVE]
        assert (before.questions, new.questions) == (["vacation"], ["vacations"])
    assert before.closed
    assert len(new.texts) == 3
    async with embedding(settings, HashedEmbedder("test:new", dimensions)) as platform:
        assert await first_about(await again(platform), "vacation") == [LEAVE]


async def only_model(settings: Settings, name: str) -> None:
    await until(lambda: models(settings) == [name])


async def test_a_passage_that_the_new_model_does_not_take_does_not_keep_the_old_one(
    settings: Settings,
) -> None:
    async with embedding(settings, HashedEmbedder("test:old")) as platform:
        await library(platform, LEAVE, CARS)
        await embedded(platform, "test:old")
    new, before = HashedEmbedder("test:new", refused="washed"), HashedEmbedder("test:old")
    async with embedding(settings, new, before=before) as platform:
        await embedded(platform, "test:new")
        await only_model(settings, "test:new")
        await platform.delivered("knowledge.meaning.before")
        assert await first_about(await again(platform), "vacation") == [LEAVE]
        assert new.questions == ["vacation"]


async def test_without_the_model_before_words_serve_until_there_are_new_vectors(settings: Settings) -> None:
    async with embedding(settings, HashedEmbedder("test:old")) as platform:
        await library(platform, LEAVE)
        await embedded(platform, "test:old")
    new = HashedEmbedder("test:new")
    new.hold()
    async with embedding(settings, new) as platform:
        admin = await again(platform)
        await new.begun()
        assert await admin.texts_about("vacation") == []
        assert await admin.texts_about("leave") == [LEAVE]
        new.go_on()
        await embedded(platform, "test:new")
        assert await admin.texts_about("vacation") == [LEAVE]
        await only_model(settings, "test:new")


async def test_a_change_that_is_taken_back_needs_no_vector_anew(settings: Settings) -> None:
    async with embedding(settings, HashedEmbedder("test:old")) as platform:
        await library(platform, LEAVE, CARS)
        await embedded(platform, "test:old")
    new, old = HashedEmbedder("test:new"), HashedEmbedder("test:old")
    new.hold("washed")
    async with embedding(settings, new) as platform:
        await new.begun()
    async with embedding(settings, old) as platform:
        await embedded(platform, "test:old")
        assert await first_about(await again(platform), "vacation") == [LEAVE]
        await only_model(settings, "test:old")
    assert old.texts == []


async def test_vectors_on_the_disk_are_not_built_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a clean end they are as they were; after a kill the log brings what was not saved."""
    async with embedding(settings, HashedEmbedder()) as platform:
        admin, collection_id = await library(platform, CARS)
        await embedded(platform)
    built: list[UsearchVectorIndex] = []
    monkeypatch.setattr(UsearchVectorIndex, "clear", built.append)
    with monkeypatch.context() as killed:
        killed.setattr(UsearchVectorIndex, "close", lambda _index: None)
        async with embedding(settings, HashedEmbedder()) as platform:
            admin = await again(platform)
            assert await admin.texts_about("washing vacation") == [CARS]
            await admin.upload_and_wait(collection_id, "leave.md", LEAVE.encode())
            await embedded(platform)
    embedder = HashedEmbedder()
    async with embedding(settings, embedder) as platform:
        await platform.delivered("knowledge.meaning")
        assert await first_about(await again(platform), "vacation") == [LEAVE]
    assert (built, embedder.texts) == ([], [])


async def test_lost_vectors_of_the_disk_are_taken_from_the_database(settings: Settings) -> None:
    async with embedding(settings, HashedEmbedder()) as platform:
        await library(platform, LEAVE)
        await embedded(platform)
    for pointer in (settings.data_dir / "index" / "vectors").glob("*/cursor.json"):
        pointer.write_bytes(b"\0")
    embedder = HashedEmbedder()
    async with embedding(settings, embedder) as platform:
        assert await (await again(platform)).texts_about("vacation") == [LEAVE]
    assert embedder.texts == []


async def test_an_idle_worker_does_not_write(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for work all the time, and writers wait for each other."""
    looks: list[bool] = []
    deletions: list[object] = []
    look = EmbeddingWorker._look

    def counted(worker: EmbeddingWorker, uow: UnitOfWork) -> bool:
        looks.append(look(worker, uow))
        return looks[-1]

    async with embedding(settings, HashedEmbedder()) as platform:
        await library(platform, LEAVE)
        await embedded(platform)
        monkeypatch.setattr(EmbeddingWorker, "_look", counted)
        await until(lambda: len(looks) > 2)
        monkeypatch.setattr(EmbeddingWorker, "_claim", deletions.append)
        monkeypatch.setattr(EmbeddingWorker, "_delete_some_foreign", deletions.append)
        await until(lambda: len(looks) > 5)
    assert deletions == []


def test_pauses_grow_to_their_bound_and_stay_there() -> None:
    pauses = [EmbeddingLimits().pause(failures) for failures in (0, 1, 5, 6, 5_000)]
    assert pauses == [1.0, 2.0, 32.0, 60.0, 60.0]
