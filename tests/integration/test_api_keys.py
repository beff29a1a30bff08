"""API keys: what programs call with in a person's name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from src.domains.auth import subscribers
from src.domains.auth.services import api_keys, directory
from src.domains.auth.services.key_format import new_api_key
from src.domains.auth.services.tokens import token_hash
from src.infrastructure.settings import AuthSettings, EventSettings, Settings
from src.shared.events.base import utc_now
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.databases import execute, query
from tests.houses import LISTENING, until

KEYS = "/auth/api-keys"


async def create_key(person: Person, **wishes: object) -> dict[str, Any]:
    answer: dict[str, Any] = await person.post(KEYS, {"name": "Robot", **wishes})
    return answer


def with_key(platform: Platform, person: Person, key: dict[str, Any]) -> Person:
    """A program that calls in the person's name."""
    return Person(platform, person.email, {"access_token": key["key"]}, person.user)


async def listed(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.get(KEYS))["items"]
    return items


async def used(person: Person) -> datetime:
    """Return when the person's one key was last used, once that is noted."""
    async with asyncio.timeout(10):
        while True:
            [key] = await listed(person)
            if key["last_used_at"]:
                return datetime.fromisoformat(key["last_used_at"])
            await asyncio.sleep(0.005)  # it is noted beside the request: nothing else tells


async def test_a_key_is_shown_once_and_stands_for_its_owner(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up()
    created = await create_key(person)
    assert created["key"].startswith(created["prefix"])
    assert created["prefix"].startswith("gcb_")
    assert len(created["key"]) >= len("gcb_") + 43  # 32 bytes
    assert created["expires_at"] is None
    assert (await with_key(platform, person, created).get("/auth/me"))["id"] == person.id
    [key] = await listed(person)
    assert key.keys() == {"id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at"}
    assert key["scopes"] == created["scopes"] == ["chat", "knowledge:read"]
    assert (key["id"], key["name"], key["prefix"]) == (created["id"], "Robot", created["prefix"])
    kept = query(settings, "SELECT * FROM auth_api_key") + query(settings, "SELECT payload FROM event_log")
    assert created["key"] not in str(kept)


async def test_a_key_works_after_a_restart(settings: Settings) -> None:
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        created = await create_key(person)
    async with platform_on(settings) as platform:
        assert (await with_key(platform, person, created).get("/auth/me"))["id"] == person.id


async def test_a_revoked_key_ends_with_the_next_request_and_others_go_on(platform: Platform) -> None:
    person = await platform.sign_up()
    keys = [await create_key(person) for _ in range(2)]
    robots = [with_key(platform, person, key) for key in keys]
    await robots[0].get("/auth/me")
    await person.delete(f"{KEYS}/{keys[0]['id']}")
    for _ in range(2):
        answer = await robots[0].call("GET", "/auth/me")
        assert problem_of(answer) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
    await robots[1].get("/auth/me")
    assert [key["id"] for key in await listed(person)] == [keys[1]["id"]]
    again = await person.call("DELETE", f"{KEYS}/{keys[0]['id']}")
    assert problem_of(again) == (404, "unknown_api_key")


async def test_keys_of_before_there_were_checksums_and_scopes_go_on(settings: Settings) -> None:
    """They chat and read, as nearly all of them are for."""
    old = "gcb_" + "x" * 43
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        created = await create_key(person)
    hashed = token_hash(old).hex()
    blob = f"x'{hashed}'" if settings.resolved_database_url.startswith("sqlite") else f"'\\x{hashed}'"
    execute(settings, f"UPDATE auth_api_key SET key_hash = {blob}")
    async with platform_on(settings) as platform:
        robot = with_key(platform, person, {**created, "key": old})
        assert (await robot.get("/auth/me"))["id"] == person.id


@pytest.mark.parametrize("key", ["gcb_", "gcb_nothing", "gcb_" + "x" * 43, "gcb_é"])
async def test_a_key_that_never_was_is_refused(platform: Platform, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode()}
    answer = await platform.client.get("/api/v1/auth/me", headers=headers)
    assert problem_of(answer) == (401, "invalid_api_key")


async def test_a_key_expires(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await platform.sign_up()
    created = await create_key(person, expires_in_days=3)
    lifetime = datetime.fromisoformat(created["expires_at"]) - datetime.fromisoformat(created["created_at"])
    assert lifetime == timedelta(days=3)
    robot = with_key(platform, person, created)
    await robot.get("/auth/me")
    monkeypatch.setattr(directory, "utc_now", lambda: utc_now() + timedelta(days=3))
    assert problem_of(await robot.call("GET", "/auth/me")) == (401, "api_key_expired")


async def test_a_key_has_the_rights_that_its_owner_has_now(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    robot = with_key(platform, person, await create_key(person, scopes=["knowledge:read", "admin"]))
    secret = await admin.create_collection("Secret", [await admin.create_group("Sales")])
    assert problem_of(await robot.call("GET", f"/knowledge/collections/{secret}"))[0] == 404
    group_id = (await admin.get(f"/knowledge/collections/{secret}"))["group_ids"][0]
    await admin.patch(f"/auth/users/{person.id}", {"group_ids": [group_id]})
    assert (await robot.get(f"/knowledge/collections/{secret}"))["id"] == secret
    assert problem_of(await robot.call("GET", "/auth/users")) == (403, "not_allowed")
    await admin.patch(f"/auth/users/{person.id}", {"is_active": False})
    assert problem_of(await robot.call("GET", "/auth/me")) == (401, "account_closed")


async def test_keys_are_not_managed_with_a_key(platform: Platform) -> None:
    person = await platform.sign_up()
    created = await create_key(person)
    robot = with_key(platform, person, created)
    calls = [
        robot.call("POST", KEYS, json={"name": "Another"}),
        robot.call("GET", KEYS),
        robot.call("DELETE", f"{KEYS}/{created['id']}"),
    ]
    assert {problem_of(await call) for call in calls} == {(403, "sign_in_required")}
    assert len(await listed(person)) == 1


async def test_an_administrator_sees_and_revokes_everybodys_keys(platform: Platform) -> None:
    """Not the keys themselves, which nobody is told again."""
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    created = await create_key(person, scopes=["chat"])
    [key] = (await admin.get(f"/auth/users/{person.id}/api-keys"))["items"]
    assert key == (await listed(person))[0]
    await admin.delete(f"/auth/users/{person.id}/api-keys/{created['id']}")
    answer = await with_key(platform, person, created).call("GET", "/auth/me")
    assert problem_of(answer) == (401, "invalid_api_key")
    unknown = await admin.call("GET", f"/auth/users/{UNKNOWN_ID}/api-keys")
    assert problem_of(unknown) == (404, "unknown_user")


async def test_others_keys_are_nobodys_business(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    created = await create_key(person)
    assert await listed(admin) == []
    for key_id in (created["id"], UNKNOWN_ID):
        answer = await admin.call("DELETE", f"{KEYS}/{key_id}")
        assert problem_of(answer) == (404, "unknown_api_key")
    assert (await with_key(platform, person, created).get("/auth/me"))["id"] == person.id


async def test_a_person_has_so_many_keys_and_no_more(settings: Settings) -> None:
    """Also when they are made at once."""
    few = settings.model_copy(update={"auth": AuthSettings(api_keys=3)})
    async with platform_on(few) as platform:
        person, other = await platform.sign_up("person"), await platform.sign_up("other")
        answers = await asyncio.gather(*(person.call("POST", KEYS, json={"name": "R"}) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 3
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert problem_of(refused) == (409, "too_many_api_keys")
        await create_key(other)
        first, second, third = await listed(person)
        page = await person.get(KEYS, params={"limit": 2})
        assert page == {"items": [first, second], "next_cursor": second["id"]}
        await person.delete(f"{KEYS}/{third['id']}")
        await create_key(person)


@pytest.mark.parametrize(
    "wishes",
    [
        {"name": ""},
        {"expires_in_days": 0},
        {"expires_in_days": 4000},
        {"scopes": []},
        {"scopes": ["everything"]},
    ],
)
async def test_a_key_that_cannot_be_is_refused(platform: Platform, wishes: dict[str, object]) -> None:
    person = await platform.sign_up()
    answer = await person.call("POST", KEYS, json={"name": "Robot", **wishes})
    assert problem_of(answer)[0] == 422
    assert await listed(person) == []


async def test_the_last_use_is_noted_once_a_minute(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await platform.sign_up()
    created = await create_key(person)
    robot = with_key(platform, person, created)
    assert (await listed(person))[0]["last_used_at"] is None
    await robot.get("/auth/me")
    first = await used(person)

    async def use_later(seconds: float) -> datetime:
        monkeypatch.setattr(api_keys, "utc_now", lambda: first + timedelta(seconds=seconds))
        await robot.get("/auth/me")
        await asyncio.gather(*notes())
        return await used(person)

    assert await use_later(59) == first
    assert await use_later(61) == first + timedelta(seconds=61)


def notes() -> list[asyncio.Task[Any]]:
    """The tasks that note uses of keys at the moment."""
    return [task for task in asyncio.all_tasks() if "ApiKeyUses" in str(task.get_coro())]


async def test_a_use_is_noted_before_the_server_ends(settings: Settings) -> None:
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        await with_key(platform, person, await create_key(person)).get("/auth/me")
    assert query(settings, "SELECT count(*) FROM auth_api_key WHERE last_used_at IS NOT NULL") == [(1,)]


async def test_who_calls_with_a_key_is_known_without_a_query(platform: Platform) -> None:
    """One that does not hold costs a query once if its checksum is right, which it is by intent alone."""
    counted = 0

    def count(*_arguments: object) -> None:
        nonlocal counted
        counted += 1

    person = await platform.sign_up()
    key = (await create_key(person))["key"]

    async def knock(token: str) -> httpx.Response:
        return await platform.client.get("/health", headers={"Authorization": f"Bearer {token}"})

    assert (await knock(key)).status_code == 200
    forged = new_api_key()
    assert (await knock(forged)).status_code == 401
    await used(person)
    await platform.app.state.subscriptions.stop()  # they look at the log from time to time
    event.listen(Engine, "before_cursor_execute", count)
    answers = [await knock(token) for token in (key, forged, f"gcb_{'x' * 49}") * 5]
    event.remove(Engine, "before_cursor_execute", count)
    assert [answer.status_code for answer in answers] == [200, 401, 401] * 5
    assert counted == 0


class Deaf:
    """A process's ear for other processes, closed."""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


@asynccontextmanager
async def two_processes(settings: Settings, **ports: object) -> AsyncIterator[tuple[Platform, Platform]]:
    """Two servers on one database; polling takes too long for them to hear of each other by it."""
    patient = settings.model_copy(update={"events": EventSettings(poll_seconds=60, gather_seconds=0)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subscribers, "DIRECTORY_SECONDS", 60.0)
        patched.setattr(directory, "STALE_SECONDS", 60.0)
        async with platform_on(patient) as first, platform_on(patient, **ports) as second:
            await until(lambda: len(query(settings, LISTENING)) == 2 - len(ports))
            yield first, second


@pytest.mark.only("postgresql")
async def test_a_revoked_key_ends_soon_at_another_process(settings: Settings) -> None:
    async with two_processes(settings) as (first, second):
        person = await first.sign_up()
        created = await create_key(person)
        robot = with_key(second, person, created)
        await robot.get("/auth/me")
        await person.delete(f"{KEYS}/{created['id']}")
        async with asyncio.timeout(20):
            while (answer := await robot.call("GET", "/auth/me")).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # the other process is told meanwhile
        assert problem_of(answer) == (401, "invalid_api_key")


@pytest.mark.only("postgresql")
async def test_a_new_key_holds_at_a_process_that_has_not_heard_of_it(settings: Settings) -> None:
    async with two_processes(settings, notifications=Deaf()) as (first, second):
        person = await first.sign_up()
        robot = with_key(second, person, await create_key(person))
        assert (await robot.get("/auth/me"))["id"] == person.id
