"""Shares, through the API: read-only, for whoever is signed in, as the session was, until they are revoked."""

from typing import Any

import httpx

from src.infrastructure.settings import Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.conversations import a_conversation
from tests.fakes import CitingModel


async def share(owner: Person, session_id: str) -> str:
    return str((await owner.post(f"/chat/sessions/{session_id}/share"))["token"])


async def read(reader: Person, token: str, **params: object) -> dict[str, Any]:
    shared: dict[str, Any] = await reader.get(f"/chat/shared/{token}", params=params)
    return shared


def contents(shared: dict[str, Any]) -> list[str]:
    return [each["content"] for each in shared["messages"] if each["role"] == "user"]


def is_unknown(answer: httpx.Response) -> bool:
    return problem_of(answer) == (404, "unknown_share")


async def test_colleagues_read_a_shared_session_without_what_is_its_owners_alone(platform: Platform) -> None:
    owner, colleague = await platform.sign_up("owner"), await platform.sign_up("colleague")
    answer = await owner.ask("Hello")
    feedback = {"rating": "down", "reasons": ["wrong"], "comment": "No."}
    await owner.put(f"/chat/messages/{answer['message_id']}/feedback", feedback)
    token = await share(owner, answer["session_id"])
    shared = await read(colleague, token)
    assert (shared["title"], contents(shared)) == ("Hello", ["Hello"])
    assert set(shared["messages"][1]) == {
        "id", "role", "content", "status", "model", "grounded", "citations", "created_at"
    }  # fmt: skip
    assert shared["messages"][1]["content"] == answer["answer"]
    session = f"/chat/sessions/{answer['session_id']}"
    assert problem_of(await colleague.call("GET", session)) == (404, "unknown_session")
    without_token = await platform.client.get(f"/api/v1/chat/shared/{token}")
    assert problem_of(without_token) == (401, "not_authenticated")


async def test_a_share_stays_as_it_was_until_it_is_shared_again(platform: Platform) -> None:
    owner, colleague = await platform.sign_up("owner"), await platform.sign_up("colleague")
    session_id = (await owner.ask("One"))["session_id"]
    token = await share(owner, session_id)
    await owner.ask("Two", session_id)
    assert contents(await read(colleague, token)) == ["One"]
    assert await share(owner, session_id) == token
    assert contents(await read(colleague, token)) == ["One", "Two"]
    first = (await owner.get(f"/chat/sessions/{session_id}/messages"))["items"][0]
    await owner.post(f"/chat/messages/{first['id']}/edit", {"content": "Another"})
    assert contents(await read(colleague, token)) == ["One", "Two"]


async def test_a_revoked_share_is_gone_and_the_next_one_has_another_link(platform: Platform) -> None:
    owner, colleague = await platform.sign_up("owner"), await platform.sign_up("colleague")
    session_id = (await owner.ask("One"))["session_id"]
    path = f"/chat/sessions/{session_id}/share"
    assert problem_of(await owner.call("GET", path)) == (404, "not_shared")
    token = await share(owner, session_id)
    assert (await owner.get(path))["token"] == token
    await owner.delete(path)
    assert is_unknown(await colleague.call("GET", f"/chat/shared/{token}"))
    assert problem_of(await owner.call("DELETE", path)) == (404, "not_shared")
    assert await share(owner, session_id) != token


async def test_a_share_is_gone_while_its_session_lies_in_the_trash(platform: Platform) -> None:
    owner, colleague = await platform.sign_up("owner"), await platform.sign_up("colleague")
    session_id = (await owner.ask("One"))["session_id"]
    token = await share(owner, session_id)
    await owner.delete(f"/chat/sessions/{session_id}")
    assert is_unknown(await colleague.call("GET", f"/chat/shared/{token}"))
    await owner.post(f"/chat/sessions/{session_id}/restore")
    assert contents(await read(colleague, token)) == ["One"]
    for _ in range(2):
        await owner.delete(f"/chat/sessions/{session_id}")
    assert is_unknown(await colleague.call("GET", f"/chat/shared/{token}"))


async def test_what_is_not_kept_or_is_empty_cannot_be_shared(platform: Platform) -> None:
    owner = await platform.sign_up()
    temporary = (await owner.post("/chat/sessions", {"temporary": True}))["id"]
    await owner.ask("Hello", temporary)
    empty = (await owner.post("/chat/sessions", {}))["id"]
    for session_id in (temporary, empty):
        refused = await owner.call("POST", f"/chat/sessions/{session_id}/share")
        assert problem_of(refused) == (409, "cannot_be_shared")


async def test_readers_see_the_citations_that_they_may_read_themselves(settings: Settings) -> None:
    async with platform_on(settings, model=CitingModel()) as platform:
        admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
        stranger = await platform.sign_up("stranger")
        group_id = await admin.create_group("Sales", member)
        for name, groups in (("Secret", [group_id]), ("Open", [])):
            text = f"The code of the {name} safe is 4711.".encode()
            await admin.upload_and_wait(await admin.create_collection(name, groups), f"{name}.txt", text)
        answer = await member.ask("What is the code of the safe?")
        token = await share(member, answer["session_id"])
        seen = {
            person.email: {each["title"] for each in (await read(person, token))["messages"][1]["citations"]}
            for person in (member, stranger, admin)
        }
    assert seen == {
        member.email: {"Secret.txt", "Open.txt"},
        stranger.email: {"Open.txt"},
        admin.email: {"Open.txt"},
    }


async def test_a_long_shared_session_is_read_in_pages(platform: Platform) -> None:
    owner, colleague = await platform.sign_up("owner"), await platform.sign_up("colleague")
    session_id, ids = await a_conversation(platform, owner, [str(number) for number in range(5)])
    token = await share(owner, session_id)
    first = await read(colleague, token, limit=3)
    second = await read(colleague, token, limit=3, cursor=first["next_cursor"])
    assert [each["id"] for each in first["messages"] + second["messages"]] == ids
    assert second["next_cursor"] is None


async def test_links_cannot_be_guessed_and_bad_ones_are_refused(platform: Platform) -> None:
    owner = await platform.sign_up()
    tokens = {await share(owner, (await owner.ask("Hi"))["session_id"]) for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) * 6 >= 128 for token in tokens)
    assert is_unknown(await owner.call("GET", f"/chat/shared/{UNKNOWN_ID}"))
    for bad in ("x" * 101, "a%00b", "a b"):
        refused = await owner.call("GET", f"/chat/shared/{bad}")
        assert problem_of(refused) == (422, "invalid_request")
