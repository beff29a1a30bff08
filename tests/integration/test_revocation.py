"""What was taken away ends the next request and the running streams, wherever they are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from src.infrastructure.database import subscriptions
from src.infrastructure.settings import Settings
from src.shared.events.auth import UserRightsChanged
from tests.builders import Person, Platform, platform_on, problem_of
from tests.conversations import database_of
from tests.databases import query
from tests.doors import COMPLETIONS, SMALL, with_models
from tests.fakes import SteppedModel
from tests.houses import LISTENING, until
from tests.streams import Stream, opened

Change = Callable[[Person, Person, dict[str, Any]], Awaitable[object]]
"""What the administrator, or the person, does to the person, who has this API key."""

ENDING: dict[str, Change] = {
    "signed out": lambda _admin, person, _key: person.post(
        "/auth/logout", {"refresh_token": person.tokens["refresh_token"]}
    ),
    "account closed": lambda admin, person, _key: admin.patch(
        f"/auth/users/{person.id}", {"is_active": False}
    ),
    "role changed": lambda admin, person, _key: admin.patch(f"/auth/users/{person.id}", {"role": "editor"}),
    "key revoked": lambda _admin, person, key: person.delete(f"/auth/api-keys/{key['id']}"),
    "key revoked by an administrator": lambda admin, person, key: admin.delete(
        f"/auth/users/{person.id}/api-keys/{key['id']}"
    ),
}


@asynccontextmanager
async def asking(
    platform: Platform, person: Person, door: str = "chat", stream: bool = True
) -> AsyncIterator[Stream]:
    """Ask in one of the doors, and stay."""
    if door == "chat":
        session = await person.post("/chat/sessions", {})
        path, body = f"/chat/sessions/{session['id']}/messages", {"content": "Hi", "stream": stream}
    else:
        messages = [{"role": "user", "content": "Hi"}]
        path, body = COMPLETIONS, {"model": SMALL.name, "messages": messages, "stream": stream}
    async with opened(platform.app, person, "POST", path, body=body) as asked:
        yield asked


async def two_people(platform: Platform, change: str) -> tuple[Person, Person, Person, dict[str, Any]]:
    """Return an administrator, a person, the same one as they ask (by key if it is about keys), and the key."""
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    key = await person.post("/auth/api-keys", {"name": "Robot"})
    by_key = Person(platform, person.email, {"access_token": key["key"]}, person.user)
    return admin, person, by_key if "key" in change else person, key


@pytest.mark.parametrize("change", ENDING)
@pytest.mark.only("sqlite")
async def test_a_running_stream_ends_at_once(settings: Settings, change: str) -> None:
    """While the model is silent, so that nothing but the change could wake the reader."""
    model = SteppedModel(["One ", "two"])
    async with platform_on(settings, model=model) as platform:
        admin, person, asker, key = await two_people(platform, change)
        async with asking(platform, asker) as stream:
            model.say(1)
            assert [(await stream.next()).name for _ in range(2)] == ["message", "delta"]
            await ENDING[change](admin, person, key)
            error, end = await stream.next(), await stream.next()
            assert (error.name, error.data["code"]) == ("error", "not_authenticated")
            assert (end.name, await stream.block()) == ("end", None)
        model.say(3)
        if change == "account closed":
            await model.cut_off.wait()


@pytest.mark.parametrize("change", ENDING)
@pytest.mark.only("sqlite")
async def test_a_stream_of_a_program_ends_at_once(settings: Settings, change: str) -> None:
    model = SteppedModel(["One ", "two"])
    async with platform_on(with_models(settings), model=model) as platform:
        admin, person, asker, key = await two_people(platform, change)
        async with asking(platform, asker, "openai") as stream:
            model.say(1)
            await stream.block()
            assert "One" in (await stream.block() or "")
            await ENDING[change](admin, person, key)
            error = await stream.block()
            assert error
            assert '"code": "invalid_api_key"' in error
            assert await stream.block() is None
        await model.cut_off.wait()  # nobody can come back for it


@pytest.mark.parametrize("door", ["chat", "openai"])
@pytest.mark.only("sqlite")
async def test_who_waits_for_a_whole_answer_is_refused_at_once(settings: Settings, door: str) -> None:
    model = SteppedModel(["One ", "two"])
    async with platform_on(with_models(settings), model=model) as platform:
        admin, person, asker, key = await two_people(platform, "account closed")
        async with asking(platform, asker, door, stream=False) as answer:
            model.say(1)
            await model.idle()
            await ENDING["account closed"](admin, person, key)
            async with asyncio.timeout(20):
                await answer.begun.wait()
            assert answer.status == 401
        await model.cut_off.wait()


async def test_an_answer_for_a_closed_account_is_stopped_and_kept_as_it_is(settings: Settings) -> None:
    model = SteppedModel(["One ", "two"])
    async with platform_on(settings, model=model) as platform:
        admin, person, _asker, _key = await two_people(platform, "account closed")
        async with asking(platform, person) as stream:
            message_id = (await stream.next()).data["message_id"]
            model.say(1)
            await stream.next()
            await admin.patch(f"/auth/users/{person.id}", {"is_active": False})
            await model.cut_off.wait()
        await admin.patch(f"/auth/users/{person.id}", {"is_active": True})
        message = await person.get(f"/chat/messages/{message_id}")
        assert (message["status"], message["content"].strip()) == ("stopped", "One")


@pytest.mark.only("sqlite")
async def test_an_answer_goes_on_when_its_asker_signs_out_or_changes_groups(settings: Settings) -> None:
    """Signed out on one device, they read it on another; other groups do not end the stream."""
    model = SteppedModel(["One ", "two"])
    async with platform_on(settings, model=model) as platform:
        admin, person, _asker, _key = await two_people(platform, "signed out")
        elsewhere = Person(platform, person.email, await platform.sign_in(person.email), person.user)
        async with asking(platform, person) as stream:
            message_id = (await stream.next()).data["message_id"]
            async with opened(platform.app, elsewhere, "GET", f"/chat/messages/{message_id}/stream") as other:
                await ENDING["signed out"](admin, person, {})
                await admin.create_group("Sales", person)
                model.say(3)
                names = [event.name async for event in other.events()]
        assert names[0] == "message"
        assert names[-2:] == ["completed", "end"]
        assert "error" not in names


@pytest.mark.only("postgresql")
async def test_a_stream_of_another_process_ends(settings: Settings) -> None:
    """Also one that follows there what a third process would write; the notification wakes them."""
    model = SteppedModel(["One ", "two"])
    async with platform_on(settings) as first, platform_on(settings, model=model) as second:
        await until(lambda: len(query(settings, LISTENING)) == 2)
        admin, person = await first.sign_up("admin"), await first.sign_up("person")
        async with asking(second, person) as stream:
            message_id = (await stream.next()).data["message_id"]
            model.say(1)
            await stream.next()
            path = f"/chat/messages/{message_id}/stream"
            async with opened(first.app, person, "GET", path) as mirrored:
                await mirrored.next()
                await admin.patch(f"/auth/users/{person.id}", {"is_active": False})
                for each in (stream, mirrored):
                    names = [event.name async for event in each.events()]
                    assert names[-2:] == ["error", "end"]
        await model.cut_off.wait()


async def test_a_directory_that_cannot_catch_up_refuses(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is let in by what was right some time ago; what nobody has changed since is right still."""
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    await platform.app.state.subscriptions.stop()  # nothing looks at the log any more
    now = subscriptions.time.monotonic
    monkeypatch.setattr(subscriptions, "time", SimpleNamespace(monotonic=lambda: now() + 4.0))
    monkeypatch.setitem(subscriptions.Subscriptions.wait_until_current.__kwdefaults__, "timeout", 0.05)
    closed = UserRightsChanged(user_id=UUID(person.id), role="user", is_active=False, group_ids=())
    await database_of(platform).write(lambda uow: uow.record(closed))
    assert (await person.call("GET", "/auth/me")).status_code == 200  # seconds ago
    monkeypatch.setattr(subscriptions, "time", SimpleNamespace(monotonic=lambda: now() + 6.0))
    for each in (admin, person):
        answer = await each.call("GET", "/auth/me")
        assert problem_of(answer) == (503, "directory_stale")
        assert int(answer.headers["retry-after"]) > 0


async def test_members_join_and_leave_groups(platform: Platform) -> None:
    admin = await platform.sign_up("admin")
    people = [await platform.sign_up(name) for name in ("ann", "ben", "cho")]
    sales, support = [await admin.create_group(name) for name in ("Sales", "Support")]
    secret = await admin.create_collection("Secret", [sales])
    joined = [admin.put(f"/auth/groups/{sales}/members/{each.id}", None) for each in people]
    await asyncio.gather(*joined, admin.put(f"/auth/groups/{support}/members/{people[0].id}", None))
    assert {*(await people[0].get("/auth/me"))["group_ids"]} == {sales, support}
    page = await admin.get(f"/auth/groups/{sales}/members", params={"limit": 2})
    rest = await admin.get(f"/auth/groups/{sales}/members", params={"cursor": page["next_cursor"]})
    assert [each["id"] for each in page["items"] + rest["items"]] == [each.id for each in people]
    await people[1].get(f"/knowledge/collections/{secret}")
    for _ in range(2):  # who is not in it cannot leave it, and that is no error
        await admin.delete(f"/auth/groups/{sales}/members/{people[1].id}")
    assert (await people[1].call("GET", f"/knowledge/collections/{secret}")).status_code == 404
    assert (await people[2].get(f"/knowledge/collections/{secret}"))["id"] == secret


async def test_administrators_who_depose_each_other_at_once_leave_one(platform: Platform) -> None:
    admins = [await platform.sign_up(f"admin{number}") for number in range(6)]
    for each in admins[1:]:
        await admins[0].patch(f"/auth/users/{each.id}", {"role": "admin"})
    changes = [
        by.call("PATCH", f"/auth/users/{other.id}", json=change)
        for by in admins
        for other in admins
        for change in ({"role": "user"}, {"is_active": False})
    ]
    answers = await asyncio.gather(*changes)
    assert {answer.status_code for answer in answers} <= {200, 401, 403, 409}
    stayed = [each for each in admins if (await each.call("GET", "/auth/users")).status_code == 200]
    assert len(stayed) == 1
