"""The chat turn, sessions, streams and feedback, through the API."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from src.domains.chat.services.ports import ModelFailed
from src.infrastructure.settings import ChatSettings, Settings
from src.shared.events.knowledge import Passage
from tests.builders import Person, Platform, platform_on, problem_of
from tests.databases import query
from tests.fakes import ScriptedModel

LEAVE = b"# Leave\n\nAnnual leave is 25 days a year. It is requested three days before.\n"


def events_of(body: str) -> list[tuple[str, dict[str, Any], int]]:
    """Parse an event stream into (event, data, id)."""
    events = []
    for block in body.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"]), int(fields["id"])))
    return events


async def an_admin_with_a_document(platform: Platform) -> Person:
    admin = await platform.sign_up()
    await admin.upload_and_wait(await admin.create_collection(), "leave.md", LEAVE)
    return admin


async def an_answer_in_the_making(
    person: Person, model: ScriptedModel
) -> tuple["asyncio.Task[httpx.Response]", list[dict[str, Any]]]:
    """Ask, and hold the model after its first piece; return the running call and the messages so far."""
    model.may_go_on.clear()
    asking = asyncio.create_task(person.call("POST", "/chat", json={"message": "Hi"}))
    await model.asked.wait()
    [session] = (await person.get("/chat/sessions"))["items"]
    return asking, (await person.get(f"/chat/sessions/{session['id']}/messages"))["items"]


async def test_an_answer_cites_the_passage_that_it_rests_on(platform: Platform) -> None:
    admin = await an_admin_with_a_document(platform)
    answer = await admin.ask("How many days of annual leave are there?")
    assert "25 days" in answer["answer"]
    assert answer["grounded"] is True
    [citation] = answer["citations"]
    assert f"[{citation['index']}]" in answer["answer"]
    assert citation["title"] == "leave.md"
    assert "25 days" in citation["text"]
    assert answer["usage"]["tokens_out"] > 0


async def test_a_question_that_no_document_answers_is_not_grounded(platform: Platform) -> None:
    admin = await an_admin_with_a_document(platform)
    answer = await admin.ask("What is the capital of Mongolia?")
    assert (answer["grounded"], answer["citations"]) == (False, [])


async def test_a_turn_is_kept_in_its_session(platform: Platform) -> None:
    admin = await an_admin_with_a_document(platform)
    first = await admin.ask("How many days of annual leave are there?")
    await admin.ask("When is it requested?", first["session_id"])
    [session] = (await admin.get("/chat/sessions"))["items"]
    assert session["title"] == "How many days of annual leave are there"
    messages = (await admin.get(f"/chat/sessions/{session['id']}/messages"))["items"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert {message["status"] for message in messages} == {"completed"}
    assert messages[1]["content"] == first["answer"]
    assert messages[1]["citations"] == first["citations"]


async def test_a_long_first_message_becomes_a_short_title(platform: Platform) -> None:
    admin = await platform.sign_up()
    await admin.ask("word " * 100 + "\nsecond line")
    [session] = (await admin.get("/chat/sessions"))["items"]
    assert len(session["title"]) == 40
    assert session["title"].endswith("…")


async def test_a_stream_tells_the_ids_the_text_the_sources_and_one_end(settings: Settings) -> None:
    model = ScriptedModel(["Leave is ", "25 days [", "1]", " [7]."])
    async with platform_on(settings, model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        session = await admin.post("/chat/sessions", {})
        answer = await admin.call(
            "POST",
            f"/chat/sessions/{session['id']}/messages",
            json={"content": "How many days of leave?", "stream": True},
        )
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer.text)
        names = [name for name, _data, _id in events]
        assert names[0] == "message"
        assert names[-3:] == ["citations", "completed", "end"]
        assert names.count("end") == 1
        text = "".join(data["text"] for name, data, _id in events if name == "delta")
        assert text == "Leave is 25 days [1]."
        assert [id for name, _data, id in events if name == "delta"][-1] == len(text)
        completed = next(data for name, data, _id in events if name == "completed")
        assert completed["usage"] == {"tokens_in": 11, "tokens_out": 7, "cost": 0.25}
        assert (completed["grounded"], completed["finish_reason"]) == (True, "stop")
        [saved] = (await admin.get(f"/chat/sessions/{session['id']}/messages"))["items"][1:]
        assert saved["content"] == text
        assert [citation["index"] for citation in saved["citations"]] == [1]


async def test_a_running_answer_can_be_followed_again_from_where_one_left(settings: Settings) -> None:
    model = ScriptedModel(["Hello ", "again"])
    async with platform_on(settings, model=model) as platform:
        admin, stranger = await platform.sign_up("admin"), await platform.sign_up("stranger")
        asking, messages = await an_answer_in_the_making(admin, model)
        path = f"/chat/messages/{messages[1]['id']}/stream"
        assert problem_of(await stranger.call("GET", path)) == (404, "unknown_message")
        following = asyncio.create_task(admin.call("GET", path, headers={"Last-Event-ID": "2"}))
        await platform.client.get("/health/ready")
        model.may_go_on.set()
        events = events_of((await following).text)
        assert "".join(data["text"] for name, data, _id in events if name == "delta") == "llo again"
        assert (await asking).json()["answer"] == "Hello again"
        assert (await admin.call("GET", path)).status_code == 204


async def test_the_model_is_given_the_history_of_the_session(settings: Settings) -> None:
    model = ScriptedModel(["First answer."])
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        first = await admin.ask("First question?")
        await admin.ask("Second question?", first["session_id"])
    assert model.prompts[0].history == ()
    past = [(message.role, message.content) for message in model.prompts[1].history]
    assert past == [("user", "First question?"), ("assistant", "First answer.")]


@pytest.mark.parametrize("fault", [ModelFailed("The model is down."), RuntimeError("secret detail")])
async def test_a_failing_model_is_told_plainly_and_the_question_is_kept(
    settings: Settings, fault: Exception
) -> None:
    async with platform_on(settings, model=ScriptedModel(["Half an ", fault])) as platform:
        admin = await platform.sign_up()
        answer = await admin.call("POST", "/chat", json={"message": "Hello?"})
        assert problem_of(answer) == (503, "model_failed")
        assert "secret detail" not in answer.text
        [session] = (await admin.get("/chat/sessions"))["items"]
        messages = (await admin.get(f"/chat/sessions/{session['id']}/messages"))["items"]
        assert [(message["content"], message["status"]) for message in messages] == [
            ("Hello?", "completed"),
            ("Half an", "failed"),
        ]
        streamed = await admin.call(
            "POST", f"/chat/sessions/{session['id']}/messages", json={"content": "Again?", "stream": True}
        )
        assert [name for name, _, _ in events_of(streamed.text)][-2:] == ["error", "end"]
        await platform.delivered("analytics.turns")
        assert (await admin.get("/analytics/dashboard"))["totals"]["failed"] == 2


async def test_a_model_that_takes_too_long_fails_the_answer(settings: Settings) -> None:
    model = ScriptedModel(["Hello"])
    model.may_go_on.clear()
    hasty = settings.model_copy(update={"chat": ChatSettings(generation_timeout_seconds=0.05)})
    async with platform_on(hasty, model=model) as platform:
        admin = await platform.sign_up()
        answer = await admin.call("POST", "/chat", json={"message": "Hello?"})
        assert problem_of(answer) == (503, "model_failed")


class BrokenSearch:
    """Knowledge's search when its index cannot be read."""

    async def search(self, *_arguments: object) -> list[Passage]:
        raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("question", "notice"), [("연차는?", "검색할 수 없어"), ("Leave?", "cannot be searched")]
)
async def test_a_search_that_fails_never_fails_the_chat_and_is_told(
    settings: Settings, question: str, notice: str
) -> None:
    async with platform_on(settings, model=ScriptedModel(), search=BrokenSearch()) as platform:
        admin = await platform.sign_up()
        answer = await admin.ask(question)
    assert notice in answer["answer"]
    assert answer["answer"].endswith("Hello.")
    assert answer["grounded"] is False


async def test_more_answers_at_once_than_allowed_are_refused_with_a_time_to_come_back(
    settings: Settings,
) -> None:
    model = ScriptedModel()
    one = settings.model_copy(update={"chat": ChatSettings(max_generations=1, max_waiting=0)})
    async with platform_on(one, model=model) as platform:
        admin = await platform.sign_up()
        asking, _messages = await an_answer_in_the_making(admin, model)
        refused = await admin.call("POST", "/chat", json={"message": "Me too"})
        assert problem_of(refused) == (503, "too_many_generations")
        assert refused.headers["retry-after"] == "2"
        model.may_go_on.set()
        assert (await asking).is_success
        assert (await admin.ask("And now?"))["answer"] == "Hello."


async def test_the_bound_on_answers_holds_for_questions_that_come_at_once(settings: Settings) -> None:
    model = ScriptedModel()
    model.may_go_on.clear()
    two = settings.model_copy(update={"chat": ChatSettings(max_generations=2, max_waiting=0)})
    async with platform_on(two, model=model) as platform:
        admin = await platform.sign_up()
        asking = [asyncio.create_task(admin.call("POST", "/chat", json={"message": "Hi"})) for _ in range(10)]
        refusals = asyncio.as_completed(asking)
        refused = [problem_of(await next(refusals)) for _ in range(8)]
        model.may_go_on.set()
        answers = [await each for each in asking]
    assert refused == [(503, "too_many_generations")] * 8
    assert [answer.status_code for answer in answers].count(200) == 2


async def test_a_stop_keeps_what_there_is_of_an_answer_and_calls_it_interrupted(settings: Settings) -> None:
    model = ScriptedModel(["Half", " an answer"])
    hasty = settings.model_copy(update={"chat": ChatSettings(stop_grace_seconds=0)})
    async with platform_on(hasty, model=model) as platform:
        admin = await platform.sign_up()
        asking, messages = await an_answer_in_the_making(admin, model)
    assert problem_of(await asking) == (503, "interrupted")
    async with platform_on(settings) as platform:
        admin._platform = platform
        [_question, answer] = (await admin.get(f"/chat/sessions/{messages[0]['session_id']}/messages"))[
            "items"
        ]
        assert (answer["content"], answer["status"]) == ("Half", "interrupted")
        await platform.delivered("analytics.turns")
        assert (await admin.get("/analytics/dashboard"))["totals"]["failed"] == 1


async def test_a_deleted_session_leaves_no_text_of_it_in_the_database(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("Where is the canary word xylophone?")
    await admin.put(
        f"/chat/messages/{answer['message_id']}/feedback",
        {"rating": "down", "reasons": ["xylophone"], "comment": "xylophone"},
    )
    for _ in range(2):
        await admin.delete(f"/chat/sessions/{answer['session_id']}")
    gone = await admin.call("GET", f"/chat/sessions/{answer['session_id']}")
    assert problem_of(gone) == (404, "unknown_session")
    logged = query(settings, "SELECT name, payload FROM event_log")
    assert "chat.message_received" in str(logged)
    assert "xylophone" not in str(logged)
    assert query(settings, "SELECT * FROM chat_message") == []


async def test_text_that_is_saved_together_with_the_deletion_is_redacted_too(
    platform: Platform, settings: Settings
) -> None:
    """Questions and the deletion of their session meet in one commit; none of their text stays."""
    admin = await platform.sign_up()
    session = await admin.post("/chat/sessions", {})
    question = {"message": "xylophone", "session_id": session["id"]}
    asking = [admin.call("POST", "/chat", json=question) for _ in range(5)]
    deleting = [admin.call("DELETE", f"/chat/sessions/{session['id']}") for _ in range(2)]
    await asyncio.gather(*asking, *deleting)
    assert "xylophone" not in str(query(settings, "SELECT payload FROM event_log"))
    await platform.delivered("analytics.turns")
    totals = (await admin.get("/analytics/dashboard"))["totals"]
    assert totals["answers"] <= totals["messages"] <= 5


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"message": ""}, (422, "empty_message")),
        ({"message": " \n "}, (422, "empty_message")),
        ({"message": "x" * 16_001}, (422, "message_too_long")),
        ({"message": "x" * 1_048_576}, (413, "too_large")),
        ({"message": "Hi", "mesage": "Hi"}, (422, "invalid_request")),
        ({"message": "Hi", "session_id": "not an id"}, (422, "invalid_request")),
        ({"message": None}, (422, "invalid_request")),
        ({"message": "nul \0"}, (422, "invalid_request")),
        ({}, (422, "invalid_request")),
    ],
)
async def test_a_bad_message_is_refused_and_nothing_is_kept(
    platform: Platform, body: dict[str, Any], problem: tuple[int, str]
) -> None:
    admin = await platform.sign_up()
    assert problem_of(await admin.call("POST", "/chat", json=body)) == problem
    assert (await admin.get("/chat/sessions"))["items"] == []


async def test_half_a_character_is_refused(platform: Platform) -> None:
    """JSON can name half of a surrogate pair, which no text may hold."""
    admin = await platform.sign_up()
    headers = {"Content-Type": "application/json"}
    answer = await admin.call("POST", "/chat", content=b'{"message": "\\ud800"}', headers=headers)
    assert problem_of(answer) == (422, "invalid_request")
    assert (await admin.get("/chat/sessions"))["items"] == []


async def test_an_answer_rests_only_on_what_the_asker_may_read(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    stranger = await platform.sign_up("stranger")
    group_id = await admin.create_group("Sales", member)
    await admin.upload_and_wait(await admin.create_collection("Secret", [group_id]), "leave.md", LEAVE)
    question = "How many days of annual leave are there?"
    assert (await member.ask(question))["grounded"] is True
    for person in (stranger, admin):
        answer = await person.ask(question)
        assert (answer["grounded"], answer["citations"]) == (False, [])
        assert "25" not in answer["answer"]


async def test_a_turn_takes_fewer_than_eight_statements(settings: Settings) -> None:
    """Everything counted, subscribers too; under load, where it matters."""
    counted = 0

    def count(*_arguments: object) -> None:
        nonlocal counted
        counted += 1

    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        await admin.upload_and_wait(await admin.create_collection(), "leave.md", LEAVE)
        turns = [f"How many days of annual leave are there? {number}" for number in range(60)]
        event.listen(Engine, "before_cursor_execute", count)
        await asyncio.gather(*(admin.ask(turn) for turn in turns))
        await platform.delivered("analytics.turns")
        event.remove(Engine, "before_cursor_execute", count)
    assert counted / len(turns) < 8
