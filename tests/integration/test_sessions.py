"""Sessions, through the API: listed, changed, put into the trash, restored, erased when their time has come."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.trash import Trash, TrashPolicy
from src.infrastructure.settings import ChatSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.conversations import a_conversation, database_of
from tests.databases import execute, query
from tests.fakes import ScriptedModel

LONG_AGO = "2026-01-01 00:00:00.000000+00:00"

BODIES: dict[str, dict[str, Any]] = {
    "PATCH /chat/sessions/{session_id}": {"title": "Mine"},
    "PUT /chat/sessions/{session_id}/branch": {"message_id": UNKNOWN_ID},
    "POST /chat/sessions/{session_id}/messages": {"content": "Hi"},
    "POST /chat/messages/{message_id}/edit": {"content": "Hi"},
    "POST /chat/messages/{message_id}/regenerate": {},
    "PUT /chat/messages/{message_id}/feedback": {"rating": "up"},
}
"""What the routes that take a body are called with."""


def calls_about(platform: Platform, session_id: str, message_id: str) -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and body of every route of chat that is about a session or a message."""
    for route in iter_route_contexts(platform.app.routes):
        path = (route.path or "").removeprefix("/api/v1")
        if path.startswith(("/chat/sessions/{", "/chat/messages/{")):
            for method in sorted(route.methods or ()):
                filled = path.replace("{session_id}", session_id).replace("{message_id}", message_id)
                yield method, filled, BODIES.get(f"{method} {path}")


async def said(person: Person, call: tuple[str, str, Any]) -> tuple[int, str, str]:
    method, path, body = call
    answer = await person.call(method, path, json=body)
    return *problem_of(answer), answer.json()["detail"]


async def titles(person: Person, **params: object) -> list[str]:
    return [each["title"] for each in (await person.get("/chat/sessions", params=params))["items"]]


async def create(person: Person, title: str = "", **fields: object) -> str:
    return str((await person.post("/chat/sessions", {"title": title, **fields}))["id"])


async def test_what_is_not_ones_own_is_not_there_on_any_route(platform: Platform) -> None:
    owner, stranger = await platform.sign_up("owner"), await platform.sign_up("stranger")
    answer = await owner.ask("Hello")
    theirs = list(calls_about(platform, answer["session_id"], answer["message_id"]))
    nobodys = list(calls_about(platform, UNKNOWN_ID, UNKNOWN_ID))
    assert len(theirs) >= 15
    for call, unknown in zip(theirs, nobodys, strict=True):
        heard = await said(stranger, call)
        assert heard[0] == 404, (call, heard)
        assert heard == await said(stranger, unknown), call
    body = {"message": "Hi", "session_id": answer["session_id"]}
    assert problem_of(await stranger.call("POST", "/chat", json=body)) == (404, "unknown_session")
    assert (await stranger.get("/chat/sessions"))["items"] == []
    assert len((await owner.get(f"/chat/sessions/{answer['session_id']}/messages"))["items"]) == 2


async def test_what_lies_in_the_trash_is_not_there_until_it_is_restored(platform: Platform) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Hello")
    session_id = answer["session_id"]
    await admin.delete(f"/chat/sessions/{session_id}")
    gone = calls_about(platform, session_id, answer["message_id"])
    for call in gone:
        if call[:2] not in (
            ("DELETE", f"/chat/sessions/{session_id}"),
            ("POST", f"/chat/sessions/{session_id}/restore"),
        ):
            assert (await said(admin, call))[0] == 404, call
    assert await titles(admin) == []
    [trashed] = (await admin.get("/chat/sessions", params={"deleted": True}))["items"]
    assert trashed["id"] == session_id
    assert trashed["deleted_at"]
    restored = await admin.post(f"/chat/sessions/{session_id}/restore")
    assert restored["deleted_at"] is None
    assert await titles(admin) == ["Hello"]
    assert await titles(admin, deleted=True) == []
    assert (await admin.ask("And again", session_id))["session_id"] == session_id


async def test_deleting_what_lies_in_the_trash_erases_it(platform: Platform, settings: Settings) -> None:
    admin = await platform.sign_up()
    session_id = (await admin.ask("Where is the xylophone?"))["session_id"]
    for _ in range(2):
        await admin.delete(f"/chat/sessions/{session_id}")
    for method, path in (
        ("POST", f"/chat/sessions/{session_id}/restore"),
        ("DELETE", f"/chat/sessions/{session_id}"),
    ):
        assert problem_of(await admin.call(method, path)) == (404, "unknown_session")
    assert query(settings, "SELECT * FROM chat_message") == []
    assert "xylophone" not in str(query(settings, "SELECT payload FROM event_log"))


async def test_sessions_are_listed_last_used_first_in_pages(platform: Platform) -> None:
    admin = await platform.sign_up()
    ids = [await create(admin, title) for title in "abc"]
    await admin.patch(f"/chat/sessions/{ids[1]}", {"title": "renamed"})
    await admin.ask("Hello", ids[0])
    assert await titles(admin) == ["a", "c", "renamed"]
    page = await admin.get("/chat/sessions", params={"limit": 2})
    assert [each["title"] for each in page["items"]] == ["a", "c"]
    assert await titles(admin, cursor=page["next_cursor"]) == ["renamed"]


async def test_pages_neither_miss_nor_repeat_sessions_of_one_moment(platform: Platform) -> None:
    admin = await platform.sign_up()
    ids = {(await a_conversation(platform, admin, ["Hi"]))[0] for _ in range(7)}
    found, cursor = [], None
    for _ in range(4):
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await admin.get("/chat/sessions", params=params)
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert len(found) == 7
    assert set(found) == ids


async def test_a_page_after_a_session_that_is_not_ones_own_is_refused(platform: Platform) -> None:
    owner, stranger = await platform.sign_up("owner"), await platform.sign_up("stranger")
    session_id = await create(owner)
    for cursor in (session_id, UNKNOWN_ID):
        refused = await stranger.call("GET", "/chat/sessions", params={"cursor": cursor})
        assert problem_of(refused) == (422, "unknown_cursor")


async def test_pinned_sessions_can_be_listed_alone_and_let_go(platform: Platform) -> None:
    admin = await platform.sign_up()
    ids = [await create(admin, title) for title in "abc"]
    pinned = await admin.patch(f"/chat/sessions/{ids[0]}", {"pinned": True})
    assert pinned["pinned"] is True
    assert await titles(admin, pinned=True) == ["a"]
    assert await titles(admin, pinned=False) == ["c", "b"]
    assert await titles(admin) == ["c", "b", "a"]
    await admin.patch(f"/chat/sessions/{ids[0]}", {"pinned": False})
    assert await titles(admin, pinned=True) == []


async def test_a_title_that_a_person_gave_is_theirs(platform: Platform, settings: Settings) -> None:
    admin = await platform.sign_up()
    await create(admin)
    await create(admin, "given")
    renamed = await create(admin)
    await admin.patch(f"/chat/sessions/{renamed}", {"title": "renamed"})
    rows = query(settings, "SELECT title, title_is_automatic FROM chat_session")
    assert {title: bool(automatic) for title, automatic in rows} == {
        "": True,
        "given": False,
        "renamed": False,
    }


async def test_model_and_profile_are_chosen_and_given_back(platform: Platform) -> None:
    admin = await platform.sign_up()
    profile_id = (await admin.post("/chat/profiles", {"name": "Lawyer"}))["id"]
    session = await admin.post("/chat/sessions", {"model": "embedded", "profile_id": profile_id})
    assert (session["model"], session["profile_id"]) == ("embedded", profile_id)
    path = f"/chat/sessions/{session['id']}"
    unchanged = await admin.patch(path, {"pinned": True})
    assert (unchanged["model"], unchanged["profile_id"]) == ("embedded", profile_id)
    cleared = await admin.patch(path, {"model": None, "profile_id": None})
    assert (cleared["model"], cleared["profile_id"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"title": ""}, (422, "invalid_request")),
        ({"title": None}, (422, "invalid_request")),
        ({"title": "x" * 201}, (422, "invalid_request")),
        ({"title": "a\0b"}, (422, "invalid_request")),
        ({"pinned": None}, (422, "invalid_request")),
        ({"deleted_at": None}, (422, "invalid_request")),
        ({"model": "gpt-17"}, (422, "unknown_model")),
        ({"profile_id": UNKNOWN_ID}, (404, "unknown_profile")),
        ({"title": "new", "model": "gpt-17"}, (422, "unknown_model")),
    ],
)
async def test_a_bad_change_is_refused_and_changes_nothing(
    platform: Platform, change: dict[str, Any], problem: tuple[int, str]
) -> None:
    admin = await platform.sign_up()
    session_id = await create(admin, "old")
    assert problem_of(await admin.call("PATCH", f"/chat/sessions/{session_id}", json=change)) == problem
    assert await titles(admin) == ["old"]
    if "model" in change or "profile_id" in change:
        assert problem_of(await admin.call("POST", "/chat/sessions", json=change)) == problem


async def test_a_temporary_session_is_listed_nowhere_and_erased_at_once(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    session = await admin.post("/chat/sessions", {"temporary": True})
    assert session["temporary"] is True
    await admin.ask("Where is the xylophone?", session["id"])
    assert await titles(admin) == []
    assert (await admin.get("/chat/search", params={"q": "xylophone"}))["items"] == []
    path = f"/chat/sessions/{session['id']}"
    assert len((await admin.get(f"{path}/messages"))["items"]) == 2
    await admin.delete(path)
    assert await titles(admin, deleted=True) == []
    assert query(settings, "SELECT * FROM chat_session") == []
    assert "xylophone" not in str(query(settings, "SELECT payload FROM event_log"))


async def test_an_answer_goes_on_harmlessly_while_its_session_is_erased(settings: Settings) -> None:
    model = ScriptedModel(["Half", " an answer"])
    model.may_go_on.clear()
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        session_id = await create(admin)
        asking = asyncio.create_task(
            admin.call("POST", "/chat", json={"message": "Hi", "session_id": session_id})
        )
        await model.asked.wait()
        for _ in range(2):
            await admin.delete(f"/chat/sessions/{session_id}")
        model.may_go_on.set()
        assert (await asking).status_code in (200, 503)
        assert query(settings, "SELECT * FROM chat_message") == []
        assert (await admin.ask("And now?"))["answer"] == "Half an answer"


def a_trash(platform: Platform) -> Trash:
    policy = TrashPolicy(
        timedelta(days=30), timedelta(minutes=60), timedelta(days=30), sessions_at_once=2, keys_at_once=2
    )
    database = database_of(platform)
    return Trash(database, DeletedDocuments(database), policy)


async def test_what_was_deleted_long_ago_is_erased_and_the_rest_is_not(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    ids = {title: await create(admin, title) for title in ("old", "new", "kept")}
    for title, session_id in ids.items():
        await admin.ask(f"xylophone {title}", session_id)
    for title in ("old", "new"):
        await admin.delete(f"/chat/sessions/{ids[title]}")
    execute(settings, f"UPDATE chat_session SET deleted_at = '{LONG_AGO}' WHERE title = 'old'")
    execute(settings, f"UPDATE chat_session SET updated_at = '{LONG_AGO}'")
    await a_trash(platform).empty()
    await a_trash(platform).erase_temporary()
    assert await titles(admin) == ["kept"]
    assert await titles(admin, deleted=True) == ["new"]
    logged = str(query(settings, "SELECT payload FROM event_log"))
    assert "xylophone old" not in logged
    assert "xylophone new" in logged
    assert len(query(settings, "SELECT * FROM event_log WHERE name = 'chat.session_deleted'")) == 1


async def test_temporary_sessions_are_erased_once_nobody_uses_them(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    ids = [await create(admin, temporary=True) for _ in range(5)]
    execute(settings, f"UPDATE chat_session SET updated_at = '{LONG_AGO}'")
    await admin.ask("Still here", ids[2])
    await a_trash(platform).erase_temporary()
    left = [(await admin.call("GET", f"/chat/sessions/{id}")).status_code for id in ids]
    assert left == [404, 404, 200, 404, 404]


async def test_several_processes_that_empty_the_trash_erase_each_session_once(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    for _ in range(9):
        await admin.delete(f"/chat/sessions/{await create(admin)}")
    execute(settings, f"UPDATE chat_session SET deleted_at = '{LONG_AGO}'")
    await asyncio.gather(*(a_trash(platform).empty() for _ in range(4)))
    assert await titles(admin, deleted=True) == []
    assert len(query(settings, "SELECT * FROM event_log WHERE name = 'chat.session_deleted'")) == 9


async def test_names_of_requests_are_kept_for_a_day(platform: Platform, settings: Settings) -> None:
    admin = await platform.sign_up()
    for number in range(5):
        headers = {"Idempotency-Key": f"key {number}"}
        assert (await admin.call("POST", "/chat", json={"message": "Hi"}, headers=headers)).is_success
    execute(settings, f"UPDATE chat_idempotency_key SET created_at = '{LONG_AGO}' WHERE key <> 'key 3'")
    await a_trash(platform).empty()
    assert [tuple(row) for row in query(settings, "SELECT key FROM chat_idempotency_key")] == [("key 3",)]


async def test_a_platform_empties_its_trash_when_it_starts(settings: Settings) -> None:
    at_once = settings.model_copy(update={"chat": ChatSettings(deleted_days=1)})
    async with platform_on(at_once) as platform:
        admin = await platform.sign_up()
        await admin.delete(f"/chat/sessions/{await create(admin)}")
        await create(admin, temporary=True)
    execute(settings, f"UPDATE chat_session SET deleted_at = '{LONG_AGO}' WHERE deleted_at IS NOT NULL")
    execute(settings, f"UPDATE chat_session SET updated_at = '{LONG_AGO}'")
    async with platform_on(at_once), asyncio.timeout(20):
        while query(settings, "SELECT * FROM chat_session"):  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0.01)
