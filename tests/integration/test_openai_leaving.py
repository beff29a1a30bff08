"""Programs that leave, servers that are full, stop or break off, and what is kept of what programs ask."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.ports import (
    ModelFailed,
)
from src.domains.chat.services.trash import Trash, TrashPolicy
from src.infrastructure.settings import Settings
from tests.builders import Person, platform_on
from tests.conversations import database_of
from tests.databases import execute, query
from tests.doors import (
    COMPLETIONS,
    answered,
    ask,
    chunk_of,
    refusal_of,
    text_of,
    with_models,
)
from tests.fakes import ScriptedModel, SteppedModel
from tests.streams import Stream, opened

LONG_AGO = "2026-01-01 00:00:00.000000+00:00"


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(["It is ", "sunny."])


@pytest.fixture
async def person(settings: Settings, model: ScriptedModel) -> AsyncIterator[Person]:
    """An administrator of a platform with the models of `with_models`."""
    async with platform_on(with_models(settings), model=model) as platform:
        yield await platform.sign_up()


async def called(model: SteppedModel) -> None:
    """Wait until the model was called."""
    async with asyncio.timeout(20):
        while not model.calls:  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0.01)


def a_body(**more: Any) -> dict[str, Any]:
    return {"model": "small", "messages": [{"role": "user", "content": "Hi"}], **more}


async def first_text(stream: Stream) -> str:
    """Return the first text of a stream."""
    while block := await stream.block():
        if text := text_of([chunk_of(block)]):
            return text
    raise AssertionError("the stream has ended")


async def ended(settings: Settings) -> Any:
    """Return state, text and tokens of the one answer there is, once it has ended."""
    of_answers = "SELECT status, content, tokens_out FROM chat_message WHERE role = 'assistant'"
    async with asyncio.timeout(20):
        while True:
            if answers := query(settings, f"{of_answers} AND status <> 'pending'"):
                return answers[0]
            await asyncio.sleep(0.01)  # nothing else tells


@pytest.mark.only("sqlite")
async def test_a_full_house_sends_programs_away_with_a_time_to_come_back(settings: Settings) -> None:
    model = SteppedModel(["Done."])
    async with platform_on(with_models(settings, max_generations=1, max_waiting=0), model=model) as platform:
        person = await platform.sign_up()
        asking = asyncio.create_task(ask(person))
        await called(model)
        refused = await ask(person)
        assert refusal_of(refused) == (503, "too_many_generations", None)
        assert refused.headers["retry-after"] == "2"
        model.say(2)
        assert (await asking).status_code == 200


@pytest.mark.only("sqlite")
async def test_what_fails_later_ends_the_stream_with_an_error(person: Person, model: ScriptedModel) -> None:
    model.pieces = ["Half an answer", ModelFailed("The model broke off.")]
    model.may_go_on.clear()
    body = a_body(stream=True)
    async with opened(person._platform.app, person, "POST", COMPLETIONS, body=body) as stream:
        assert await first_text(stream) == "Half an answer"
        model.may_go_on.set()
        block = await stream.block()
        assert block
        assert chunk_of(block) == {
            "error": {
                "message": "The model broke off.",
                "type": "server_error",
                "param": None,
                "code": "model_failed",
            }
        }
        assert await stream.block() is None


@pytest.mark.parametrize("as_stream", [False, True])
async def test_a_program_that_leaves_stops_its_answer(settings: Settings, as_stream: bool) -> None:
    """Before a word and after one; what there is by then is kept, and has its price."""
    model = SteppedModel(["Half ", "an answer"])
    async with platform_on(with_models(settings), model=model) as platform:
        person = await platform.sign_up()
        async with opened(platform.app, person, "POST", COMPLETIONS, body=a_body(stream=as_stream)) as stream:
            await called(model)
            model.say(1)
            await model.idle()
            if as_stream:
                assert await first_text(stream) == "Half "
        async with asyncio.timeout(20):
            await model.cut_off.wait()
        status, content, tokens_out = await ended(settings)
        assert (status, content) == ("stopped", "Half ")
        assert tokens_out > 0
        await platform.delivered("analytics.turns")
        totals = (await person.get("/analytics/dashboard"))["totals"]
        assert (totals["answers"], totals["tokens_out"]) == (1, tokens_out)


@pytest.mark.only("sqlite")
async def test_a_program_that_leaves_before_a_word_stops_its_answer(settings: Settings) -> None:
    model = SteppedModel(["Never said."])
    async with platform_on(with_models(settings), model=model) as platform:
        person = await platform.sign_up()
        async with opened(platform.app, person, "POST", COMPLETIONS, body=a_body(stream=True)):
            await called(model)
        async with asyncio.timeout(20):
            await model.cut_off.wait()
        assert (await ended(settings))[:2] == ("stopped", "")


async def test_a_program_that_has_a_key_can_come_back_for_its_answer(settings: Settings) -> None:
    model = SteppedModel(["Once ", "upon ", "a time"])
    async with platform_on(with_models(settings), model=model) as platform:
        person = await platform.sign_up()
        calling = (platform.app, person, "POST", COMPLETIONS)
        arguments: Any = {"body": a_body(stream=True), "headers": {"idempotency-key": "a key"}}
        async with opened(*calling, **arguments) as stream:
            model.say(1)
            assert await first_text(stream) == "Once "
        model.say(1)
        await model.idle()
        async with opened(*calling, **arguments) as stream:
            assert await first_text(stream) == "Once upon "
            model.say(2)
            assert await first_text(stream) == "a time"
        assert (await ended(settings))[:2] == ("completed", "Once upon a time")
        assert model.calls == 1


@pytest.mark.only("sqlite")
async def test_a_server_that_stops_says_so_in_the_stream(settings: Settings) -> None:
    model = SteppedModel(["Half ", "an answer"])
    async with platform_on(with_models(settings), model=model) as platform:
        person = await platform.sign_up()
        async with opened(platform.app, person, "POST", COMPLETIONS, body=a_body(stream=True)) as stream:
            model.say(1)
            assert await first_text(stream) == "Half "
            platform.app.state.turns.drain()
            block = await stream.block()
            assert block
            assert chunk_of(block)["error"]["code"] == "stopping"
            assert await stream.block() is None
        assert (await ended(settings))[:2] == ("stopped", "Half ")
        assert refusal_of(await ask(person)) == (503, "stopping", None)


async def test_what_programs_ask_is_kept_apart_and_counted(person: Person, settings: Settings) -> None:
    """It is listed by itself, found by no search, exported and deleted as any session."""
    answer = await answered(person, "Is it sunny?")
    others = await person.ask("Rain on the page?")
    session_id = answer["platform"]["session_id"]
    assert [each["id"] for each in (await person.get("/chat/sessions"))["items"]] == [others["session_id"]]
    [session] = (await person.get("/chat/sessions", params={"channel": "openai"}))["items"]
    assert (session["id"], session["title"]) == (session_id, "Is it sunny")
    unknown = await person.call("GET", "/chat/sessions", params={"channel": "fax"})
    assert unknown.status_code == 422
    found = await person.get("/chat/search", params={"q": "sunny"})
    assert {each["session_id"] for each in found["items"]} == {others["session_id"]}
    exported = await person.call("GET", f"/chat/sessions/{session_id}/export")
    assert "It is sunny." in exported.text
    await person._platform.delivered("analytics.turns")
    assert (await person.get("/analytics/dashboard"))["totals"]["messages"] == 2
    events = query(settings, "SELECT payload FROM event_log WHERE name = 'chat.message_received'")
    assert [("openai" in str(each), "Is it sunny?" in str(each)) for each in events] == [
        (True, True),
        (False, False),
    ]
    for _ in range(2):
        await person.delete(f"/chat/sessions/{session_id}")
    assert (await person.get("/chat/sessions", params={"channel": "openai"}))["items"] == []
    assert query(settings, f"SELECT 1 FROM chat_session WHERE id = '{session_id}'") == []


async def test_what_programs_asked_long_ago_is_erased(person: Person, settings: Settings) -> None:
    for title in ("Old?", "New?"):
        await answered(person, title)
    await person.ask("Old of the page?")
    execute(
        settings,
        f"UPDATE chat_session SET updated_at = '{LONG_AGO}' WHERE title <> 'New' OR channel = 'chat'",
    )
    database, days = database_of(person._platform), timedelta(days=30)
    policy = TrashPolicy(deleted=days, temporary=days, openai=days)
    await Trash(database, DeletedDocuments(database), policy).empty()
    questions = query(settings, "SELECT content FROM chat_message WHERE role = 'user' ORDER BY content")
    assert questions == [("New?",), ("Old of the page?",)]
