"""Files that people attach to one of their sessions: for themselves alone, and found only there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from migrations import histories
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import KnowledgeSettings, ServerSettings, Settings
from src.shared.events.bus import EventBus
from src.shared.events.chat import SessionDeleted
from src.shared.events.knowledge import PassagesRequested, ReadableDocumentsRequested
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of, stored_files
from tests.databases import query

CAR = b"The company car is a red Volvo."
SESSION, OTHER_SESSION = str(uuid4()), str(uuid4())


@dataclass(frozen=True)
class House:
    """A platform with an administrator and two more people, and the bus in it."""

    platform: Platform
    bus: EventBus
    admin: Person
    ann: Person
    bob: Person

    async def found(
        self, person: Person, session_id: str | None = None, within: tuple[UUID, ...] | None = None
    ) -> list[str]:
        """Return the texts that are found for somebody in no group, as chat would ask for them."""
        request = PassagesRequested(
            query="company car",
            group_ids=(),
            collection_ids=within,
            user_id=UUID(person.id),
            session_id=UUID(session_id) if session_id else None,
        )
        return [passage.text for passage in (await self.bus.request(request, timeout=5)).passages]

    async def delete_session(self, person: Person, session_id: str = SESSION) -> None:
        """Tell that a session is gone for good, as chat does."""
        deleted = SessionDeleted(session_id=UUID(session_id), user_id=UUID(person.id))
        await self.platform.app.state.documents._database.write(lambda uow: uow.record(deleted))
        for subscription in ("knowledge.sessions", "knowledge.ingestion"):
            await self.platform.delivered(subscription)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    bus = EventBus()
    async with platform_on(settings, bus=bus) as platform:
        yield House(platform, bus, *[await platform.sign_up(name) for name in ("admin", "ann", "bob")])


async def attach(
    person: Person, content: bytes = CAR, session_id: str = SESSION, name: str = "car.txt"
) -> dict[str, Any]:
    """Attach a file, and return its document once it is read."""
    answer = await send(person, content, session_id, name)
    assert answer.status_code == 202, answer.text
    return await person.read_to_its_end(answer.json()["id"])


async def send(
    person: Person, content: bytes = CAR, session_id: str = SESSION, name: str = "car.txt"
) -> httpx.Response:
    path = f"/knowledge/sessions/{session_id}/documents"
    return await person.call("POST", path, files={"file": (name, content)})


async def attached(person: Person, session_id: str = SESSION) -> list[str]:
    answer = await person.get(f"/knowledge/sessions/{session_id}/documents")
    return [document["title"] for document in answer["items"]]


async def test_an_attached_file_is_found_in_its_session_alone(house: House) -> None:
    document = await attach(house.ann)
    assert (document["status"], document["title"]) == ("ready", "car.txt")
    assert await house.found(house.ann, SESSION) == [CAR.decode()]
    assert await house.found(house.ann, OTHER_SESSION) == []
    assert await house.found(house.ann) == []
    assert await house.ann.texts_about("company car") == []
    assert await house.ann.texts_about("company car", collection_ids=[document["collection_id"]]) == []
    assert await house.found(house.ann, OTHER_SESSION, (UUID(document["collection_id"]),)) == []


async def test_who_tells_the_same_session_has_files_of_their_own(house: House) -> None:
    await attach(house.ann)
    bobs = await attach(house.bob, b"The company car is a blue Saab.", name="saab.txt")
    assert await house.found(house.bob, SESSION) == ["The company car is a blue Saab."]
    assert await house.found(house.ann, SESSION) == [CAR.decode()]
    assert await house.found(house.admin, SESSION) == []
    assert (await attached(house.ann), await attached(house.bob)) == (["car.txt"], ["saab.txt"])
    assert await attached(house.admin) == []
    assert problem_of(await house.ann.call("GET", f"/knowledge/documents/{bobs['id']}"))[0] == 404


async def test_its_owner_looks_at_an_attached_file_and_nobody_else_hears_of_it(house: House) -> None:
    document = await attach(house.ann)
    path = f"/knowledge/documents/{document['id']}"
    assert (await house.ann.call("GET", f"{path}/content")).content == CAR
    [passage] = (await house.ann.get(f"{path}/passages"))["items"]
    assert passage["text"] == CAR.decode()
    for person in (house.bob, house.admin):
        for method, door in (("GET", ""), ("GET", "/content"), ("GET", "/passages"), ("DELETE", "")):
            refused = await person.call(method, f"{path}{door}")
            never_was = await person.call(method, f"/knowledge/documents/{UNKNOWN_ID}{door}")
            assert problem_of(refused) == problem_of(never_was) == (404, "unknown_document")
            assert refused.json()["detail"] == never_was.json()["detail"]
    assert problem_of(await house.admin.call("POST", f"{path}/retry")) == (404, "unknown_document")


@pytest.mark.parametrize("owner", ["admin", "ann"])
async def test_the_collection_behind_it_is_no_collection_to_anybody(house: House, owner: str) -> None:
    """An administrator cannot share it either, not even their own."""
    document = await attach(getattr(house, owner))
    path = f"/knowledge/collections/{document['collection_id']}"
    for person in (house.admin, house.ann):
        assert (await person.get("/knowledge/collections"))["items"] == []
        assert problem_of(await person.call("GET", path)) == (404, "unknown_collection")
        assert problem_of(await person.call("GET", f"{path}/documents")) == (404, "unknown_collection")
    calls = [
        house.admin.call("PATCH", path, json={"group_ids": [], "name": "Cars"}),
        house.admin.call("DELETE", path),
        house.admin.call("POST", f"{path}/documents", files={"file": ("a.txt", b"text")}),
        house.admin.call("POST", f"{path}/urls", json={"url": "https://example.com/"}),
    ]
    assert {problem_of(await call) for call in calls} == {(404, "unknown_collection")}
    assert await attached(getattr(house, owner)) == ["car.txt"]


async def test_files_attached_at_once_make_one_collection(house: House, settings: Settings) -> None:
    answers = await asyncio.gather(*(send(house.ann, name=f"{number}.txt") for number in range(6)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(await attached(house.ann)) == [f"{number}.txt" for number in range(6)]
    [(count,)] = query(settings, "SELECT count(*) FROM knowledge_collection")
    assert count == 1


async def test_a_session_and_a_person_have_so_many_files_and_no_more(settings: Settings) -> None:
    """Also when they come at once; another version of a file is none more."""
    few = KnowledgeSettings(embeddings="none", session_files=2, person_files=3)
    async with platform_on(settings.model_copy(update={"knowledge": few})) as platform:
        admin, ann = await platform.sign_up("admin"), await platform.sign_up("ann")
        answers = await asyncio.gather(*(send(ann, name=f"{number}.txt") for number in range(4)))
        assert sorted(answer.status_code for answer in answers) == [202, 202, 409, 409]
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert problem_of(refused) == (409, "too_many_files")
        [title, _] = await attached(ann)
        assert (await send(ann, b"Something else.", name=title)).json()["outcome"] == "new_version"
        assert (await send(ann, session_id=OTHER_SESSION)).status_code == 202
        assert problem_of(await send(ann, session_id=OTHER_SESSION, name="2.txt")) == (409, "too_many_files")
        assert (await send(admin)).status_code == 202
        for document in (await ann.get(f"/knowledge/sessions/{SESSION}/documents"))["items"]:
            await ann.read_to_its_end(document["id"])
            await ann.delete(f"/knowledge/documents/{document['id']}")
        assert (await send(ann, name="again.txt")).status_code == 202


async def test_a_refused_file_leaves_nothing(house: House, settings: Settings) -> None:
    assert problem_of(await send(house.ann, b"MZ\0", name="virus.exe")) == (415, "unsupported_document")
    assert problem_of(await send(house.ann, b"")) == (422, "empty_document")
    assert problem_of(await send(house.ann, session_id="mine"))[0] == 422
    assert query(settings, "SELECT id FROM knowledge_collection") == []
    assert stored_files(settings) == set()


async def test_without_a_sign_in_nothing_is_attached(house: House) -> None:
    path = f"/api/v1/knowledge/sessions/{SESSION}/documents"
    for answer in (
        await house.platform.client.post(path, files={"file": ("car.txt", CAR)}),
        await house.platform.client.get(path),
    ):
        assert problem_of(answer) == (401, "not_authenticated")


async def test_a_file_as_large_as_any_upload_can_be_attached(settings: Settings) -> None:
    """The bound of other requests' bodies is not for it."""
    small = ServerSettings(page=False, one_core=False, max_body_bytes=1024)
    async with platform_on(settings.model_copy(update={"server": small})) as platform:
        admin = await platform.sign_up()
        assert (await attach(admin, b"Cars are red. " * 1000))["status"] == "ready"


async def test_who_deletes_their_last_file_leaves_nothing(house: House, settings: Settings) -> None:
    first, second = await attach(house.ann), await attach(house.ann, name="car2.txt")
    await house.ann.delete(f"/knowledge/documents/{first['id']}")
    assert await attached(house.ann) == ["car2.txt"]
    assert await house.found(house.ann, SESSION) == [CAR.decode()]
    await house.ann.delete(f"/knowledge/documents/{second['id']}")
    assert await house.found(house.ann, SESSION) == []
    await house.platform.delivered("knowledge.ingestion")
    assert query(settings, "SELECT id FROM knowledge_collection") == []
    assert stored_files(settings) == set()
    await attach(house.ann)
    assert await house.found(house.ann, SESSION) == [CAR.decode()]


async def test_the_files_of_a_session_go_with_it_and_others_stay(house: House, settings: Settings) -> None:
    """Told twice, it is as if it was told once."""
    await attach(house.ann)
    elsewhere = await attach(house.ann, session_id=OTHER_SESSION)
    bobs = await attach(house.bob)
    for _ in range(2):
        await house.delete_session(house.ann)
        assert await attached(house.ann) == []
        assert await house.found(house.ann, SESSION) == []
        assert stored_files(settings) == {elsewhere["id"], bobs["id"]}
    assert await house.found(house.ann, OTHER_SESSION) == [CAR.decode()]
    assert await house.found(house.bob, SESSION) == [CAR.decode()]


async def test_a_profiles_collections_narrow_the_search_but_not_what_is_attached(house: House) -> None:
    """Those that are gone or that one may not read find nothing."""
    group_id = await house.admin.create_group("Sales")
    cars, trucks = [await house.admin.create_collection(name) for name in ("Cars", "Trucks")]
    secret = await house.admin.create_collection("Secret", [group_id])
    for collection_id, text in ((cars, "Cars"), (trucks, "Trucks"), (secret, "Secret")):
        content = f"{text}: the company car is grey.".encode()
        await house.admin.upload_and_wait(collection_id, "a.txt", content)
    narrowed = (UUID(cars), UUID(secret), UUID(UNKNOWN_ID))
    assert await house.found(house.ann, SESSION, narrowed) == ["Cars: the company car is grey."]
    await attach(house.ann)
    shared = {"Cars: the company car is grey.", CAR.decode()}
    assert set(await house.found(house.ann, SESSION, narrowed)) == shared
    assert await house.found(house.ann, SESSION, ()) == [CAR.decode()]
    assert set(await house.found(house.ann, SESSION)) == shared | {"Trucks: the company car is grey."}


async def test_which_documents_may_be_read_is_told_by_groups_and_owners(house: House) -> None:
    group_id = await house.admin.create_group("Sales")
    opened = await house.admin.create_collection("Open")
    sales = await house.admin.create_collection("Sales", [group_id])
    free = await house.admin.upload_and_wait(opened, "free.txt", CAR)
    closed = await house.admin.upload_and_wait(sales, "closed.txt", CAR)
    gone = await house.admin.upload_and_wait(opened, "gone.txt", CAR)
    own = await attach(house.ann)
    await house.admin.delete(f"/knowledge/documents/{gone['id']}")
    asked = tuple(UUID(each["id"]) for each in (free, closed, gone, own))

    async def readable(person: Person, *group_ids: str) -> set[str]:
        request = ReadableDocumentsRequested(
            document_ids=asked, user_id=UUID(person.id), group_ids=tuple(map(UUID, group_ids))
        )
        return {str(each) for each in (await house.bus.request(request, timeout=5)).document_ids}

    assert await readable(house.ann) == {free["id"], own["id"]}
    assert await readable(house.bob, group_id) == {free["id"], closed["id"]}
    assert await readable(house.admin) == {free["id"]}
    await house.delete_session(house.ann)
    assert await readable(house.ann) == {free["id"]}


async def test_going_back_deletes_attached_files_for_nobody_would_own_them(
    house: House, settings: Settings
) -> None:
    """Without an owner, their collection would be one without groups: open to everyone."""
    collection_id = await house.admin.create_collection()
    await house.admin.upload_and_wait(collection_id, "handbook.txt", b"The handbook.")
    await attach(house.ann)
    await house.platform.app.state.subscriptions.stop()
    engine = database_engine(settings.resolved_database_url)
    histories.downgrade(engine, histories.HISTORIES["knowledge"], "8c41d2f07be3")
    assert query(settings, "SELECT name FROM knowledge_collection") == [("Handbook",)]
    assert query(settings, "SELECT text FROM knowledge_passage") == [("The handbook.",)]
    histories.upgrade(engine)
    engine.dispose()
    assert await attached(house.ann) == []
    assert (await house.admin.get(f"/knowledge/collections/{collection_id}"))["document_count"] == 1
