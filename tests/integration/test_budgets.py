"""Budgets, through the API: set by administrators, reserved, settled, told and refused."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from src.domains.chat.services.ports import ModelChunk, Prompt, ToolCall, Usage
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.databases import query
from tests.doors import ask
from tests.fakes import ScriptedModel
from tests.streams import opened

SEOUL = ZoneInfo("Asia/Seoul")
ANSWER_TOKENS, ANSWER_COST = 18, 0.25 + (11 * 2 + 7 * 8) / 1_000_000
"""What an answer of `ScriptedModel` takes of the model below."""
PRICED = ModelSettings(
    name="priced",
    provider="openai_compatible",
    model="priced",
    base_url="http://127.0.0.1:9/v1",
    context_tokens=8_192,
    max_output_tokens=500,
    price_in=2,
    price_out=8,
)
FREE = ModelSettings(name="free", provider="embedded", tools=False)


def budgeted(settings: Settings, **chat: Any) -> Settings:
    """Return settings with a model that costs something, and rules for small tasks."""
    told: dict[str, Any] = {"models": (PRICED, FREE), "model": "priced", "helper_model": "free", **chat}
    return settings.model_copy(update={"chat": ChatSettings(**told)})


@asynccontextmanager
async def running(settings: Settings, model: Any, **chat: Any) -> AsyncIterator[tuple[Platform, Person]]:
    async with platform_on(budgeted(settings, **chat), model=model) as platform:
        yield platform, await platform.sign_up("admin")


async def standings(person: Person) -> dict[tuple[str, str], dict[str, Any]]:
    items = (await person.get("/chat/budgets/mine"))["items"]
    return {(each["scope"], each["period"]): each for each in items}


async def try_to_ask(person: Person, question: str = "Hello?") -> httpx.Response:
    return await person.call("POST", "/chat", json={"message": question})


async def ceiling_of_an_answer(admin: Person, model: ScriptedModel) -> int:
    """Return how many tokens are reserved for an answer, having seen that they are given back."""
    await admin.put("/chat/budgets/platform", {"month": {"tokens": 10**9}})
    model.may_go_on.clear()
    asking = asyncio.create_task(admin.ask("Hello?"))
    model.asked.clear()
    await model.asked.wait()
    reserved: int = (await standings(admin))["platform", "month"]["tokens"]["reserved"]
    model.may_go_on.set()
    await asking
    after = (await standings(admin))["platform", "month"]
    assert (after["tokens"]["reserved"], after["cost"]["reserved"]) == (0, 0)
    await admin.delete("/chat/budgets/platform")
    return reserved


async def test_administrators_set_budgets_and_people_see_those_that_apply_to_them(settings: Settings) -> None:
    async with running(settings, ScriptedModel()) as (platform, admin):
        member = await platform.sign_up("member")
        group_id = await admin.create_group("Sales", member)
        month = {"tokens": 5_000, "cost": 1.5}
        default = await admin.put("/chat/budgets/default", {"day": {"tokens": 1_000}, "month": month})
        assert (default["scope"], default["subject_id"], default["standings"]) == ("default", None, [])
        assert (default["day"], default["month"]) == ({"tokens": 1_000, "cost": None}, month)
        await admin.put(f"/chat/budgets/groups/{group_id}", {"month": {"cost": 10}})
        await admin.put("/chat/budgets/platform", {"month": {"cost": 100}})
        await admin.put(f"/chat/budgets/users/{member.id}", {"day": {"tokens": 9_000}})
        assert {key: each["tokens"]["limit"] for key, each in (await standings(member)).items()} == {
            ("user", "day"): 9_000,
            ("group", "month"): None,
            ("platform", "month"): None,
        }
        theirs = await standings(admin)
        assert theirs.keys() == {("user", "day"), ("user", "month"), ("platform", "month")}
        assert theirs["user", "month"]["cost"] == {"limit": 1.5, "used": 0, "reserved": 0}
        listed = await admin.get("/chat/budgets?limit=3")
        more = await admin.get(f"/chat/budgets?limit=3&cursor={listed['next_cursor']}")
        kinds = [each["scope"] for each in (*listed["items"], *more["items"])]
        assert (kinds, more["next_cursor"]) == (["default", "group", "platform", "user"], None)
        await admin.delete(f"/chat/budgets/users/{member.id}")
        assert (await standings(member))["user", "day"]["tokens"]["limit"] == 1_000
        of_member = await admin.get(f"/chat/budgets/users/{member.id}")
        assert (of_member["scope"], len(of_member["standings"])) == ("default", 2)
        gone = await admin.call("DELETE", f"/chat/budgets/users/{member.id}")
        assert problem_of(gone) == (404, "unknown_budget")
        assert problem_of(await member.call("GET", "/chat/budgets")) == (403, "not_allowed")
        refused = await member.call("PUT", f"/chat/budgets/users/{member.id}", json={})
        assert problem_of(refused) == (403, "not_allowed")


async def test_days_and_months_begin_where_the_house_is(settings: Settings) -> None:
    async with running(settings, ScriptedModel()) as (_, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 1}, "month": {"tokens": 1}})
        shown = await standings(admin)
        day, month = (datetime.fromisoformat(shown["user", each]["resets_at"]) for each in ("day", "month"))
        now = datetime.now(UTC)
        assert now < day <= now + timedelta(days=1)
        assert (day.astimezone(SEOUL).hour, month.astimezone(SEOUL).hour, month.astimezone(SEOUL).day) == (
            0,
            0,
            1,
        )
        assert day <= month <= now + timedelta(days=31)


@pytest.mark.parametrize(
    "body",
    [
        {"day": {"tokens": -1}},
        {"day": {"tokens": 10**16}},
        {"month": {"cost": -0.5}},
        {"month": {"cost": 10**10}},
        {"week": {}},
        {"day": {"euros": 1}},
    ],
)
@pytest.mark.only("sqlite")
async def test_budgets_that_cannot_be_are_refused(platform: Platform, body: Any) -> None:
    admin = await platform.sign_up()
    assert problem_of(await admin.call("PUT", "/chat/budgets/default", json=body))[0] == 422
    assert problem_of(await admin.call("PUT", "/chat/budgets/teams", json={}))[0] == 422


async def test_fifty_parallel_questions_against_a_budget_for_ten_admit_ten(settings: Settings) -> None:
    model = ScriptedModel()
    async with running(settings, model) as (platform, admin):
        asker = await platform.sign_up("asker")
        ceiling = await ceiling_of_an_answer(admin, model)
        await admin.put(f"/chat/budgets/users/{asker.id}", {"day": {"tokens": 10 * ceiling}})
        model.may_go_on.clear()
        asking = [asyncio.create_task(try_to_ask(asker)) for _ in range(50)]
        refused = [await each for each in await _first_done(asking, 40)]
        assert {each.status_code for each in refused} == {429}
        standing = (await standings(asker))["user", "day"]
        assert standing["tokens"] == {"limit": 10 * ceiling, "used": 0, "reserved": 10 * ceiling}
        problem = refused[0].json()
        assert problem["code"] == "budget_exceeded"
        assert problem["budget"]["tokens"]["limit"] == 10 * ceiling
        assert int(refused[0].headers["Retry-After"]) == 10  # what is reserved is soon settled
        model.may_go_on.set()
        answers = [each for each in await asyncio.gather(*asking) if each.status_code == 200]
        assert len(answers) == 10
        used = {"limit": 10 * ceiling, "used": 10 * ANSWER_TOKENS, "reserved": 0}
        assert (await standings(asker))["user", "day"]["tokens"] == used
        assert query(settings, "SELECT count(*) FROM chat_reservation") == [(0,)]
        exceeded = "SELECT count(*) FROM event_log WHERE name = 'chat.budget_exceeded'"
        assert query(settings, exceeded) == [(40,)]


async def _first_done(tasks: list["asyncio.Task[httpx.Response]"], count: int) -> list[Any]:
    """Return so many tasks that have ended, having seen that no more have."""
    async with asyncio.timeout(60):
        while sum(task.done() for task in tasks) < count:
            await asyncio.wait([each for each in tasks if not each.done()], return_when="FIRST_COMPLETED")
    done = [each for each in tasks if each.done()]
    assert len(done) == count
    return done


async def test_a_group_and_the_platform_share_what_they_have(settings: Settings) -> None:
    """Whoever asks; and by which door: answers to programs count too, and tell how it stands."""
    async with running(settings, ScriptedModel()) as (platform, admin):
        kim, lee = await platform.sign_up("kim"), await platform.sign_up("lee")
        group_id = await admin.create_group("Sales", kim, lee)
        await admin.put(f"/chat/budgets/groups/{group_id}", {"month": {"cost": 1}})
        await admin.put("/chat/budgets/platform", {"day": {"tokens": 10**6}})
        answer = await kim.ask("Hello?")
        assert (answer["budget"]["scope"], answer["budget"]["share_used"]) == ("group", 0.2501)
        by_program = await ask(lee, model="priced")
        assert by_program.json()["platform"]["budget"]["cost"]["used"] == pytest.approx(2 * ANSWER_COST)
        shown = await standings(lee)
        assert shown["platform", "day"]["tokens"]["used"] == 2 * ANSWER_TOKENS
        assert shown["group", "month"]["cost"]["used"] == pytest.approx(2 * ANSWER_COST)
        assert (await standings(admin)).keys() == {("platform", "day")}
        assert (await admin.ask("Hello?"))["budget"]["scope"] == "platform"


async def test_the_budget_of_a_group_goes_with_the_group(platform: Platform) -> None:
    admin = await platform.sign_up()
    group_id = await admin.create_group("Sales")
    await admin.put(f"/chat/budgets/groups/{group_id}", {"day": {"tokens": 100}})
    await admin.delete(f"/auth/groups/{group_id}")
    await platform.delivered("chat.groups")
    assert (await admin.get("/chat/budgets"))["items"] == []


async def test_a_budget_below_what_is_used_refuses_at_once_until_it_is_raised(settings: Settings) -> None:
    async with running(settings, ScriptedModel()) as (_, admin):
        path = "/chat/budgets/default"
        await admin.put(path, {"month": {"cost": 1}})
        await admin.ask("Hello?")
        await admin.put(path, {"month": {"cost": 0.1}})
        refused = await try_to_ask(admin)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (429, "budget_exceeded")
        assert (problem["budget"]["period"], problem["budget"]["cost"]["limit"]) == ("month", 0.1)
        assert "$0.25" in problem["detail"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 3_600
        told = await ask(admin, model="priced")
        assert (told.status_code, told.json()["error"]["code"]) == (429, "insufficient_quota")
        await admin.put(path, {"month": {"cost": 1}})
        assert (await try_to_ask(admin)).status_code == 200
        await admin.put(f"/chat/budgets/users/{admin.id}", {})  # no limit: an exception to the default
        await admin.put(path, {"day": {"tokens": 0}})
        assert (await try_to_ask(admin)).status_code == 200
        await admin.delete(f"/chat/budgets/users/{admin.id}")
        assert (await try_to_ask(admin)).status_code == 429


async def test_that_little_is_left_is_told_once(settings: Settings) -> None:
    """In the log for whoever listens, and in each answer."""
    async with running(settings, ScriptedModel(), budget_nearly_used=0.5) as (_, admin):
        await admin.put("/chat/budgets/default", {"month": {"cost": 1}})
        shares = [(await admin.ask("Hello?"))["budget"]["share_used"] for _ in range(3)]
        assert shares == [pytest.approx(count * ANSWER_COST, abs=1e-4) for count in (1, 2, 3)]
        [(payload,)] = query(settings, "SELECT payload FROM event_log WHERE name = 'chat.budget_nearly_used'")
        assert '"cost_limit":1.0' in str(payload)
        assert "Hello" not in str(payload)


@pytest.mark.parametrize(("pieces", "counts"), [(("Half", RuntimeError()), True), ((RuntimeError(),), False)])
@pytest.mark.only("sqlite")
async def test_an_answer_that_fails_settles_by_what_it_took(
    settings: Settings, pieces: Any, *, counts: bool
) -> None:
    async with running(settings, ScriptedModel(pieces)) as (_, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 10**6}})
        assert (await try_to_ask(admin)).status_code == 503
        tokens = (await standings(admin))["user", "day"]["tokens"]
        assert (tokens["used"] > 100, tokens["reserved"]) == (counts, 0)


async def test_an_answer_that_is_stopped_settles_by_what_it_took(settings: Settings) -> None:
    model = ScriptedModel(("Half", " of it."))
    async with running(settings, model) as (platform, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 10**6}})
        model.may_go_on.clear()
        session = await admin.post("/chat/sessions", {})
        path, body = f"/chat/sessions/{session['id']}/messages", {"content": "Hello?", "stream": True}
        async with opened(platform.app, admin, "POST", path, body=body) as stream:
            message_id = (await stream.next()).data["message_id"]
            while (await stream.next()).name != "delta":
                pass
            stopped = await admin.post(f"/chat/messages/{message_id}/stop")
        usage = stopped["usage"]
        tokens = (await standings(admin))["user", "day"]["tokens"]
        assert stopped["status"] == "stopped"
        assert (tokens["used"], tokens["reserved"]) == (usage["tokens_in"] + usage["tokens_out"], 0)
        assert tokens["used"] > 100


async def test_a_session_that_is_erased_while_it_is_answered_keeps_nothing_reserved(
    settings: Settings,
) -> None:
    model = ScriptedModel(("Half", " of it."))
    async with running(settings, model) as (_, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 10**6}})
        session = await admin.post("/chat/sessions", {"temporary": True})
        model.may_go_on.clear()
        asking = asyncio.create_task(
            admin.call("POST", f"/chat/sessions/{session['id']}/messages", json={"content": "Hello?"})
        )
        await model.asked.wait()
        await admin.delete(f"/chat/sessions/{session['id']}")
        model.may_go_on.set()
        assert (await asking).status_code == 503
        assert (await standings(admin))["user", "day"]["tokens"] == {
            "limit": 10**6,
            "used": ANSWER_TOKENS,
            "reserved": 0,
        }


async def test_models_without_a_price_count_tokens(settings: Settings) -> None:
    async with running(settings, ScriptedModel()) as (_, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 10**6, "cost": 0}})
        session = await admin.post("/chat/sessions", {"model": "free"})
        answer = await admin.ask("What is the code?", session["id"])
        assert answer["budget"]["cost"] == {"limit": 0, "used": 0, "reserved": 0}
        usage = answer["usage"]
        assert answer["budget"]["tokens"]["used"] == usage["tokens_in"] + usage["tokens_out"] > 0
        assert problem_of_budget(await try_to_ask(admin)) == "cost"


def problem_of_budget(refused: httpx.Response) -> str:
    """Return what there is too little of."""
    budget = refused.json()["budget"]
    assert refused.status_code == 429
    return "cost" if budget["cost"]["limit"] == 0 else "tokens"


async def test_titles_and_summaries_count_and_are_left_to_rules_when_nothing_is_left(
    settings: Settings,
) -> None:
    async with running(settings, ScriptedModel(("A title",)), helper_model=None) as (platform, admin):
        await admin.put("/chat/budgets/default", {"month": {"cost": 0.6}})
        answer = await admin.ask("What is the code?")
        async with asyncio.timeout(10):
            while (await admin.get(f"/chat/sessions/{answer['session_id']}"))["title"] != "A title":  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # it comes in its own time, and nothing tells
        assert (await standings(admin))["user", "month"]["cost"]["used"] == pytest.approx(2 * ANSWER_COST)
        await admin.put("/chat/budgets/default", {"month": {"cost": 3.001 * ANSWER_COST}})
        by_rule = await admin.ask("Where is the door?")
        await platform.app.state.turns.stop()
        session = await admin.get(f"/chat/sessions/{by_rule['session_id']}")
        assert session["title"] == "Where is the door"
        used = (await standings(admin))["user", "month"]["cost"]["used"]
        assert used == pytest.approx(3 * ANSWER_COST)
        assert query(settings, "SELECT count(*) FROM chat_reservation") == [(0,)]


async def test_where_no_budget_is_set_a_turn_asks_the_database_for_nothing_more(settings: Settings) -> None:
    async with running(settings, ScriptedModel()) as (_, admin):
        await admin.put(f"/chat/budgets/users/{UNKNOWN_ID}", {"day": {"tokens": 1}})
        answer = await admin.ask("Hello?")
        assert answer["budget"] is None
        assert await admin.get("/chat/budgets/mine") == {"items": []}
        assert query(settings, "SELECT count(*) FROM chat_budget_account") == [(0,)]


class HungryModel(ScriptedModel):
    """Wants to know the time again and again, and takes 1,500 tokens for it."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        self.prompts.append(prompt)
        yield ModelChunk("Wait.", (ToolCall("call_1", "current_time", "{}"),))
        yield ModelChunk(usage=Usage(1_000, 500), finish_reason="tool_calls")


async def test_an_answer_that_goes_on_with_tools_reserves_before_each_call(settings: Settings) -> None:
    """When too little is left for the next one, it ends there, and what it took is settled."""
    model = HungryModel()
    async with running(settings, model) as (_, admin):
        await admin.put("/chat/budgets/default", {"day": {"tokens": 5_000}})
        refused = await try_to_ask(admin)
        assert (refused.status_code, refused.json()["code"]) == (429, "budget_exceeded")
        ended = query(settings, "SELECT status, error_code FROM chat_message WHERE role = 'assistant'")
        assert ended == [("failed", "budget_exceeded")]
        assert 1 <= len(model.prompts) <= 3
        used = {"limit": 5_000, "used": 1_500 * len(model.prompts), "reserved": 0}
        assert (await standings(admin))["user", "day"]["tokens"] == used
