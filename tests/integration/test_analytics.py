"""The dashboard, through the API: everything it knows comes from events."""

import csv
import io
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.chat import ChatMessageReceived, ChatResponseFailed
from tests.builders import Platform, platform_on, problem_of
from tests.conversations import database_of
from tests.fakes import ScriptedModel


async def test_the_dashboard_counts_what_was_asked_and_answered(settings: Settings) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
        first = await admin.ask("One?")
        await admin.ask("Two?", first["session_id"])
        await person.ask("Three?")
        await platform.delivered("analytics.turns")
        dashboard = await admin.get("/analytics/dashboard")
    assert dashboard["totals"] == {
        "messages": 3,
        "answers": 3,
        "sessions": 2,
        "active_users": 2,
        "grounded_rate": 0.0,
        "tokens_in": 33,
        "tokens_out": 21,
        "cost": 0.75,
        "feedback_up": 0,
        "feedback_down": 0,
        "blocked": 0,
        "failed": 0,
    }
    assert [(day["messages"], day["active_users"]) for day in dashboard["series"]] == [(3, 2)]
    for quantiles in dashboard["latency_ms"].values():
        assert 0 <= quantiles["p50"] <= quantiles["p95"] <= quantiles["p99"]


async def test_an_empty_range_has_no_rates_and_no_quantiles(platform: Platform) -> None:
    admin = await platform.sign_up()
    await admin.ask("Hello")
    await platform.delivered("analytics.turns")
    past = {"from": "2001-01-01T00:00:00Z", "to": "2001-02-01T00:00:00+09:00"}
    dashboard = await admin.get("/analytics/dashboard", params=past)
    assert dashboard["range"]["to"] == "2001-02-01T00:00:00+09:00"
    assert dashboard["totals"]["messages"] == 0
    assert dashboard["totals"]["grounded_rate"] is None
    assert dashboard["latency_ms"]["total"] == {"p50": None, "p95": None, "p99": None}
    assert dashboard["series"] == []


async def test_a_question_that_is_told_twice_counts_once(platform: Platform) -> None:
    """And one that was deleted, or whose answer nobody has asked for, counts as it did."""
    admin = await platform.sign_up()
    answer = await admin.ask("One?")
    ids = {"session_id": UUID(answer["session_id"]), "answer_id": UUID(answer["message_id"])}
    asker = {"user_id": UUID(admin.id), "group_ids": ()}
    again = ChatMessageReceived(**ids, **asker, message_id=uuid4(), message="One?")
    unknown = ChatResponseFailed(
        session_id=uuid4(), message_id=uuid4(), question_id=uuid4(), **asker, code="late", tokens_in=5
    )

    def tell(uow: UnitOfWork) -> None:
        for event in (again, unknown):
            uow.record(event)

    await platform.delivered("analytics.turns")
    before = await admin.get("/analytics/dashboard")
    await database_of(platform).write(tell)
    await platform.delivered("analytics.turns")
    after = await admin.get("/analytics/dashboard")
    assert after["totals"] == before["totals"]
    assert (await admin.get("/operations/events/parked"))["items"] == []


async def test_feedback_is_read_newest_first_and_goes_with_its_session(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    group_id = await admin.create_group("Sales", person)
    answers = [await each.ask("Well?") for each in (admin, person, person)]
    for number, (each, answer) in enumerate(zip((admin, person, person), answers, strict=True)):
        said = {"rating": "down" if number else "up", "reasons": ["wrong"], "comment": f"No. {number}"}
        await each.put(f"/chat/messages/{answer['message_id']}/feedback", said)
    await person.put(f"/chat/messages/{answers[1]['message_id']}/feedback", {"rating": "up"})

    async def told(**params: Any) -> list[tuple[str, str]]:
        await platform.delivered("analytics.feedback")
        items = (await admin.get("/analytics/feedback", params=params))["items"]
        return [(item["rating"], item["comment"]) for item in items]

    assert await told() == [("up", ""), ("down", "No. 2"), ("up", "No. 0")]
    assert await told(group_id=group_id) == [("up", ""), ("down", "No. 2")]
    assert await told(rating="down") == [("down", "No. 2")]
    first = await admin.get("/analytics/feedback", params={"limit": 2})
    assert await told(limit=2, cursor=first["next_cursor"]) == [("up", "No. 0")]
    for _ in range(2):  # into the trash, and out of it
        await person.delete(f"/chat/sessions/{answers[2]['session_id']}")
    assert await told() == [("up", ""), ("up", "No. 0")]
    await person.delete(f"/chat/messages/{answers[1]['message_id']}/feedback")
    assert await told() == [("up", "No. 0")]


async def test_usage_is_exported_as_a_table_and_as_lines(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    for each in (admin, person, person):
        await each.ask("Well?")
    await platform.delivered("analytics.turns")
    table = await admin.call("GET", "/analytics/export.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    lines = await admin.call("GET", "/analytics/export.jsonl")
    told = [json.loads(line) for line in lines.text.splitlines()]
    assert [{name: str(value) for name, value in each.items()} for each in told] == rows
    assert {row["user_id"]: row["messages"] for row in rows} == {admin.id: "1", person.id: "2"}
    assert table.headers["content-disposition"] == 'attachment; filename="usage.csv"'


async def test_a_group_sees_its_members_questions_alone(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Sales", member)
    await admin.ask("Mine?")
    await member.ask("Ours?")
    await platform.delivered("analytics.turns")
    totals = (await admin.get("/analytics/dashboard", params={"group_id": group_id}))["totals"]
    assert (totals["messages"], totals["active_users"]) == (1, 1)


@pytest.mark.parametrize(
    "range_",
    [
        {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "yesterday"},
        {"from": "2026-02-01T00:00:00"},
        {"group_id": "sales"},
        {"to": "0001-01-05T00:00:00Z"},
        {"from": "0001-01-01T00:00:00+23:59"},
        {"to": "9999-12-31T23:59:59-23:59"},
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(platform: Platform, range_: dict[str, str]) -> None:
    admin = await platform.sign_up()
    answer = await admin.call("GET", "/analytics/dashboard", params=range_)
    assert problem_of(answer)[0] == 422


async def test_only_administrators_see_the_dashboard(platform: Platform) -> None:
    await platform.sign_up("admin")
    person = await platform.sign_up("person")
    assert problem_of(await person.call("GET", "/analytics/dashboard")) == (403, "not_allowed")


async def test_an_answer_that_is_made_anew_costs_again_and_is_no_new_message(settings: Settings) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        answer = await admin.ask("Hello?")
        again = await admin.post(f"/chat/messages/{answer['message_id']}/regenerate", {})
        await admin.put(f"/chat/messages/{answer['message_id']}/feedback", {"rating": "down"})
        await admin.put(f"/chat/messages/{again['message_id']}/feedback", {"rating": "up"})
        await platform.delivered("analytics.turns")
        totals = (await admin.get("/analytics/dashboard"))["totals"]
    counted = ("messages", "answers", "tokens_in", "tokens_out", "cost", "feedback_up", "feedback_down")
    assert [totals[name] for name in counted] == [1, 2, 22, 14, 0.5, 1, 1]
