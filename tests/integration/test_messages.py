"""Messages, through the API: branches, what is told of each, feedback."""

from typing import Any

import pytest

from src.infrastructure.settings import Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.conversations import a_conversation
from tests.fakes import ScriptedModel


async def shown(person: Person, session_id: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (await person.get(f"/chat/sessions/{session_id}/messages"))["items"]
    return messages


def contents(messages: list[dict[str, Any]]) -> list[str]:
    return [each["content"] for each in messages if each["role"] == "user"]


async def switch(person: Person, session_id: str, message_id: str) -> list[dict[str, Any]]:
    await person.put(f"/chat/sessions/{session_id}/branch", {"message_id": message_id})
    return await shown(person, session_id)


async def edit(person: Person, message_id: str, content: str) -> dict[str, Any]:
    answer: dict[str, Any] = await person.post(f"/chat/messages/{message_id}/edit", {"content": content})
    return answer


async def test_an_edited_question_is_a_branch_and_one_can_go_back_to_the_other(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id = (await admin.ask("One"))["session_id"]
    await admin.ask("Two", session_id)
    await admin.ask("Three", session_id)
    before = await shown(admin, session_id)
    await edit(admin, before[2]["id"], "Two, but better")
    after = await shown(admin, session_id)
    assert contents(after) == ["One", "Two, but better"]
    assert [each["parent_id"] for each in after] == [None, *(each["id"] for each in after[:-1])]
    assert after[2]["siblings"] == [before[2]["id"], after[2]["id"]]
    assert after[0]["siblings"] == [after[0]["id"]]
    assert contents(await switch(admin, session_id, before[2]["id"])) == ["One", "Two", "Three"]
    assert await shown(admin, session_id) == [
        {**each, "siblings": [each["id"], after[2]["id"]] if each is before[2] else each["siblings"]}
        for each in before
    ]
    await admin.ask("Four", session_id)
    assert contents(await shown(admin, session_id)) == ["One", "Two", "Three", "Four"]


async def test_below_the_message_that_is_switched_to_the_newest_branch_is_shown(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id = (await admin.ask("One"))["session_id"]
    first = (await shown(admin, session_id))[0]
    await admin.ask("Two", session_id)
    two = (await shown(admin, session_id))[2]
    await edit(admin, two["id"], "Two again")
    await admin.ask("Three", session_id)
    await edit(admin, first["id"], "Another one")
    assert contents(await switch(admin, session_id, first["id"])) == ["One", "Two again", "Three"]
    assert contents(await switch(admin, session_id, two["id"])) == ["One", "Two"]


async def test_an_answer_given_again_is_beside_the_first_one(platform: Platform) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Hello")
    again = await admin.post(f"/chat/messages/{answer['message_id']}/regenerate", {})
    messages = await shown(admin, answer["session_id"])
    assert messages[1]["id"] == again["message_id"]
    assert messages[1]["siblings"] == [answer["message_id"], again["message_id"]]


async def test_an_edited_first_question_is_beside_the_one_it_was(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id = (await admin.ask("One"))["session_id"]
    await admin.ask("Elsewhere")
    [first, _answer] = await shown(admin, session_id)
    await edit(admin, first["id"], "Uno")
    [edited, _answer] = await shown(admin, session_id)
    assert edited["siblings"] == [first["id"], edited["id"]]


async def test_only_a_message_of_the_session_can_be_switched_to(platform: Platform) -> None:
    admin = await platform.sign_up()
    first, other = await admin.ask("One"), await admin.ask("Elsewhere")
    path = f"/chat/sessions/{first['session_id']}/branch"
    for message_id in (other["message_id"], UNKNOWN_ID):
        refused = await admin.call("PUT", path, json={"message_id": message_id})
        assert problem_of(refused) == (404, "unknown_message")


async def test_a_long_branch_is_listed_in_pages(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id, ids = await a_conversation(platform, admin, [str(number) for number in range(250)])
    found: list[str] = []
    cursor = None
    for _ in range(3):
        params = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        page = await admin.get(f"/chat/sessions/{session_id}/messages", params=params)
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (ids, None)


async def test_a_message_tells_who_wrote_it_and_what_it_took(settings: Settings) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        answer = await admin.ask("Hello")
        question, message = await shown(admin, answer["session_id"])
        assert message == await admin.get(f"/chat/messages/{answer['message_id']}")
    assert message["usage"] == {"tokens_in": 11, "tokens_out": 7, "cost": 0.25}
    assert message["model"] == "embedded"
    assert message["finish_reason"] == "stop"
    assert (message["failed_models"], message["tool_calls"], message["error_code"]) == ([], [], None)
    assert (question["usage"], question["parent_id"]) == (None, None)


async def test_feedback_is_kept_changed_and_taken_back(platform: Platform) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Hello")
    path = f"/chat/messages/{answer['message_id']}/feedback"

    async def told() -> tuple[int, int]:
        await platform.delivered("analytics.turns")
        totals = (await admin.get("/analytics/dashboard"))["totals"]
        return totals["feedback_up"], totals["feedback_down"]

    await admin.put(path, {"rating": "down", "reasons": ["wrong"], "comment": "No."})
    message = (await shown(admin, answer["session_id"]))[1]
    feedback = message["feedback"], message["feedback_reasons"], message["feedback_comment"]
    assert feedback == ("down", ["wrong"], "No.")
    assert await told() == (0, 1)
    await admin.put(path, {"rating": "up"})
    message = (await shown(admin, answer["session_id"]))[1]
    assert (message["feedback"], message["feedback_reasons"]) == ("up", [])
    assert await told() == (1, 0)
    for _ in range(2):
        await admin.delete(path)
    message = (await shown(admin, answer["session_id"]))[1]
    assert (message["feedback"], message["feedback_reasons"]) == (None, [])
    assert await told() == (0, 0)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_only_answers_are_rated(platform: Platform, method: str) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Hello")
    question = (await shown(admin, answer["session_id"]))[0]
    refused = await admin.call(method, f"/chat/messages/{question['id']}/feedback", json={"rating": "up"})
    assert problem_of(refused) == (409, "not_an_answer")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": "sideways"},
        {"rating": "up", "reasons": ["x" * 101]},
        {"rating": "up", "reasons": ["x"] * 21},
        {"rating": "up", "comment": "x" * 2001},
        {"rating": "up", "reasons": ["a\0b"]},
    ],
)
async def test_bad_feedback_is_refused(platform: Platform, body: dict[str, Any]) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Hello")
    refused = await admin.call("PUT", f"/chat/messages/{answer['message_id']}/feedback", json=body)
    assert problem_of(refused) == (422, "invalid_request")
    assert (await admin.get(f"/chat/messages/{answer['message_id']}"))["feedback"] is None
