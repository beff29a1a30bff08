"""Answers belong to the platform: whoever drops, comes back, moves to another server or stops loses nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from src.infrastructure.settings import ChatSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.databases import query
from tests.fakes import ScriptedModel, SteppedModel
from tests.streams import Told, opened

QUICK = ChatSettings(save_seconds=0.02)

PIECES = st.lists(
    st.text(st.sampled_from("가나다 ab1[]2\n😀é`"), min_size=1, max_size=8), min_size=1, max_size=12
)
"""What a model says: Korean, marks of sources whole and broken, characters outside the basic plane."""


def text_of(events: Sequence[Told]) -> str:
    """What a reader has after these events."""
    text = ""
    for each in events:
        if each.name == "delta":
            text += each.data["text"]
        elif each.name == "reset":
            text = each.data["text"]
        assert each.id == len(text) or each.name in ("message", "tool")
    return text


async def saved(person: Person, message_id: str) -> dict[str, Any]:
    """Return an answer once it has ended."""
    async with asyncio.timeout(20):
        while True:
            sessions = (await person.get("/chat/sessions"))["items"]
            for session in sessions:
                messages = (await person.get(f"/chat/sessions/{session['id']}/messages"))["items"]
                for message in messages:
                    if message["id"] == message_id and message["status"] != "pending":
                        return message
            await asyncio.sleep(0.01)  # nothing else tells: another process may be writing it


class Reader:
    """Somebody who asks, drops the connection whenever it pleases them, and comes back for the rest."""

    def __init__(self, person: Person, session_id: str) -> None:
        self.person = person
        self.session_id = session_id
        self.events: list[Told] = []
        self.message_id = ""

    @property
    def has_all(self) -> bool:
        return any(each.name == "end" for each in self.events)

    async def read(self, platform: Platform, most: int) -> None:
        """Open a connection, to ask or to go on, and leave after so many of the events that there are."""
        async with self._connection(platform) as stream:
            self._take(await stream.next())
            for _ in range(20):
                await asyncio.sleep(0)  # lets the platform send what it has
            for event in stream.available(most):
                self._take(event)

    async def read_on(self, platform: Platform) -> None:
        """Read until the end, and come back when the connection ends before."""
        async with asyncio.timeout(20):
            while not self.has_all:
                async with self._connection(platform) as stream:
                    async for event in stream.events():
                        self._take(event)

    def _take(self, event: Told) -> None:
        self.message_id = event.data.get("message_id", self.message_id)
        self.events.append(event)

    def _connection(self, platform: Platform) -> Any:
        if not self.message_id:
            path, body = f"/chat/sessions/{self.session_id}/messages", {"content": "Hi", "stream": True}
            return opened(platform.app, self.person, "POST", path, body=body)
        told = [each.id for each in self.events if each.name != "message"]
        headers = {"last-event-id": str(told[-1] if told else 0)}
        path = f"/chat/messages/{self.message_id}/stream"
        return opened(platform.app, self.person, "GET", path, headers=headers)


@pytest.mark.only("sqlite")
def test_wherever_a_reader_drops_the_pieces_make_the_saved_text_and_one_end(settings: Settings) -> None:
    """For any text, any pace of the model, and any points at which the connection breaks."""
    model = SteppedModel()
    with asyncio.Runner() as runner:
        opening = platform_on(settings.model_copy(update={"chat": QUICK}), model=model)
        platform = runner.run(opening.__aenter__())
        admin = runner.run(platform.sign_up())

        async def converse(pieces: list[str], drops: list[int]) -> None:
            model.learn(pieces)
            session = await admin.post("/chat/sessions", {})
            reader = Reader(admin, session["id"])
            await reader.read(platform, 0)
            for step, most in enumerate(drops):
                model.say(1 + step % 2)
                await model.idle()
                if not reader.has_all:
                    await reader.read(platform, most)
            model.say(len(pieces) + 1)
            await reader.read_on(platform)
            message = await saved(admin, reader.message_id)
            assert text_of(reader.events) == message["content"]
            assert [each.name for each in reader.events].count("end") == 1
            assert (await admin.call("GET", f"/chat/messages/{reader.message_id}/stream")).status_code == 204

        @hypothesis.settings(max_examples=30, deadline=None)
        @hypothesis.given(PIECES, st.lists(st.integers(1, 6), max_size=6))
        def law(pieces: list[str], drops: list[int]) -> None:
            runner.run(converse(pieces, drops))

        law()
        runner.run(opening.__aexit__(None, None, None))


async def a_running_answer(platform: Platform, person: Person) -> Reader:
    """Ask in a new session, and leave as soon as the answer has a name."""
    session = await person.post("/chat/sessions", {})
    reader = Reader(person, session["id"])
    await reader.read(platform, 0)
    return reader


async def test_a_stop_ends_the_call_and_keeps_what_there_is(settings: Settings) -> None:
    """The model is cut off, the answer is `stopped` with what was shown, and its cost is settled."""
    model = SteppedModel(["Half ", "an ", "answer"])
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        reader = await a_running_answer(platform, admin)
        model.say(2)
        await model.idle()
        stopped = await admin.post(f"/chat/messages/{reader.message_id}/stop")
        assert model.cut_off.is_set()
        assert (stopped["status"], stopped["answer"].strip()) == ("stopped", "Half an")
        assert stopped["usage"]["tokens_out"] > 0
        await reader.read_on(platform)
        assert [each.name for each in reader.events][-3:] == ["citations", "completed", "end"]
        assert reader.events[-1].data == {"status": "stopped"}
        message = await saved(admin, reader.message_id)
        assert (message["content"], message["status"]) == (text_of(reader.events), "stopped")
        again = await admin.post(f"/chat/messages/{reader.message_id}/stop")
        assert again["status"] == "stopped"
        await platform.delivered("analytics.turns")
        totals = (await admin.get("/analytics/dashboard"))["totals"]
        assert (totals["answers"], totals["failed"]) == (1, 0)
        assert totals["tokens_out"] == stopped["usage"]["tokens_out"]


async def test_what_there_is_of_an_answer_is_saved_while_it_is_written(settings: Settings) -> None:
    model = SteppedModel(["Once ", "upon ", "a time"])
    async with platform_on(settings.model_copy(update={"chat": QUICK}), model=model) as platform:
        admin = await platform.sign_up()
        await a_running_answer(platform, admin)
        model.say(2)
        async with asyncio.timeout(20):
            while ("Once upon",) not in query(settings, "SELECT trim(content) FROM chat_message"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # nothing else tells that it was saved
        model.say(2)


@pytest.mark.only("postgresql")
async def test_an_answer_can_be_followed_and_stopped_on_another_server(settings: Settings) -> None:
    """The other process shows what is saved, and the rest as it comes; a stop there reaches the writer."""
    quick = settings.model_copy(update={"chat": QUICK})
    models = SteppedModel(["Hello ", "from ", "elsewhere"]), ScriptedModel()
    async with platform_on(quick, model=models[0]) as one, platform_on(quick, model=models[1]) as two:
        admin = await one.sign_up()
        reader = await a_running_answer(one, admin)
        models[0].say(1)
        await models[0].idle()
        await reader.read(one, 1)
        models[0].say(1)
        async with asyncio.timeout(20):
            while "from" not in text_of(reader.events):
                await reader.read(two, 5)
        reading = asyncio.create_task(reader.read_on(two))
        admin._platform = two
        stopped = await admin.post(f"/chat/messages/{reader.message_id}/stop")
        assert stopped["status"] == "stopped"
        assert models[0].cut_off.is_set()
        await reading
        message = await saved(admin, reader.message_id)
        assert message["content"] == text_of(reader.events)
        assert [each.name for each in reader.events].count("end") == 1


async def test_one_key_gets_one_answer_however_often_it_is_sent(settings: Settings) -> None:
    """Fifty at once, and one later: one call of the model, one question, the same answer for all."""
    model = SteppedModel(["One."])
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        ask = {"json": {"message": "Hi"}, "headers": {"Idempotency-Key": "a key"}}
        asking = [asyncio.create_task(admin.call("POST", "/chat", **ask)) for _ in range(50)]
        model.say(2)
        answers = [(await each).json() for each in asking]
        answers.append((await admin.call("POST", "/chat", **ask)).json())
        assert model.calls == 1
        assert {each["message_id"] for each in answers} == {answers[0]["message_id"]}
        assert {each["answer"] for each in answers} == {"One."}
        assert len((await admin.get("/chat/sessions"))["items"]) == 1


async def test_a_key_means_one_request_of_one_person(settings: Settings) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin, other = await platform.sign_up("admin"), await platform.sign_up("other")
        key = {"Idempotency-Key": "a key"}
        first = await admin.call("POST", "/chat", json={"message": "Hi"}, headers=key)
        changed = await admin.call("POST", "/chat", json={"message": "Hi!"}, headers=key)
        assert problem_of(changed) == (422, "idempotency_key_reused")
        others = await other.call("POST", "/chat", json={"message": "Hi"}, headers=key)
        assert others.json()["message_id"] != first.json()["message_id"]
        for bad in ("", "x" * 201):
            refused = await admin.call(
                "POST", "/chat", json={"message": "Hi"}, headers={"Idempotency-Key": bad}
            )
            assert problem_of(refused) == (422, "invalid_request")


async def test_a_reader_with_more_than_was_saved_is_told_to_begin_again(settings: Settings) -> None:
    """After a crash the saved text can be shorter than what was shown."""
    async with platform_on(settings, model=ScriptedModel(["Short."])) as platform:
        admin = await platform.sign_up()
        answer = await admin.ask("Hi")
        path = f"/chat/messages/{answer['message_id']}/stream"
        async with opened(platform.app, admin, "GET", path, headers={"last-event-id": "99"}) as stream:
            events = [each async for each in stream.events()]
        assert [each.name for each in events] == ["message", "reset", "citations", "completed", "end"]
        assert events[1].data == {"text": "Short."}
        async with opened(platform.app, admin, "GET", path, headers={"last-event-id": "2"}) as stream:
            assert [each.data["text"] async for each in stream.events() if each.name == "delta"] == ["ort."]


@pytest.mark.parametrize("bad", ["-1", "x", "1.5", "", "9" * 30])
async def test_an_id_to_resume_from_that_is_none_is_refused(settings: Settings, bad: str) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        answer = await admin.ask("Hi")
        path = f"/chat/messages/{answer['message_id']}/stream"
        refused = await admin.call("GET", path, headers={"Last-Event-ID": bad})
        assert problem_of(refused) == (422, "invalid_request")


async def test_a_question_can_be_edited_and_an_answer_made_anew(settings: Settings) -> None:
    """The earlier ones stay as branches; the model is told what was said before in the branch alone."""
    model = ScriptedModel(["Answer."])
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        first = await admin.ask("First?")
        second = await admin.ask("Second?", first["session_id"])
        again = await admin.post(f"/chat/messages/{second['message_id']}/regenerate", {})
        assert again["message_id"] != second["message_id"]
        assert [each.content for each in model.prompts[2].messages] == ["First?", "Answer.", "Second?"]
        messages = (await admin.get(f"/chat/sessions/{first['session_id']}/messages"))["items"]
        edited = await admin.post(f"/chat/messages/{messages[0]['id']}/edit", {"content": "Other?"})
        assert [each.content for each in model.prompts[3].messages] == ["Other?"]
        await admin.ask("And then?", first["session_id"])
        assert [each.content for each in model.prompts[4].messages] == ["Other?", "Answer.", "And then?"]
        refused = await admin.call(
            "POST", f"/chat/messages/{edited['message_id']}/edit", json={"content": "x"}
        )
        assert problem_of(refused) == (409, "not_a_question")
        empty = await admin.call("POST", f"/chat/messages/{messages[0]['id']}/edit", json={"content": " "})
        assert problem_of(empty) == (422, "empty_message")
        unknown = {"json": {"model": "gpt-0"}}
        refused = await admin.call("POST", f"/chat/messages/{edited['message_id']}/regenerate", **unknown)
        assert problem_of(refused) == (422, "unknown_model")


async def test_questions_that_find_no_place_wait_for_one(settings: Settings) -> None:
    """One answer at a time, one waits, a third is refused at once; a waiting one can be stopped."""
    model = SteppedModel(["Done."])
    narrow = settings.model_copy(update={"chat": ChatSettings(max_generations=1, max_waiting=1)})
    async with platform_on(narrow, model=model) as platform:
        admin = await platform.sign_up()
        running, waiting = await a_running_answer(platform, admin), await a_running_answer(platform, admin)
        refused = await admin.call("POST", "/chat", json={"message": "Me too"})
        assert problem_of(refused) == (503, "too_many_generations")
        assert refused.headers["retry-after"] == "2"
        assert model.calls == 1
        stopped = await admin.post(f"/chat/messages/{waiting.message_id}/stop")
        assert (stopped["status"], stopped["answer"]) == ("stopped", "")
        model.say(2)
        await running.read_on(platform)
        assert text_of(running.events) == "Done."
        assert model.calls == 1


async def test_a_session_that_is_erased_while_it_is_answered_takes_its_answer_along(
    settings: Settings,
) -> None:
    """Also one that cites something; and the key of the request then finds nothing."""
    model = SteppedModel(["It is so [1]."])
    async with platform_on(settings, model=model) as platform:
        admin = await platform.sign_up()
        await admin.upload_and_wait(await admin.create_collection(), "so.md", b"# So\n\nIt is so.\n")
        session = await admin.post("/chat/sessions", {})
        path, body = f"/chat/sessions/{session['id']}/messages", {"content": "Is it so?", "stream": True}
        key = {"idempotency-key": "a key"}
        async with opened(platform.app, admin, "POST", path, body=body, headers=key) as stream:
            await stream.next()
            for _ in range(2):
                await admin.delete(f"/chat/sessions/{session['id']}")
            model.say(2)
            events = [each async for each in stream.events()]
        assert [each.name for each in events][-2:] == ["error", "end"]
        assert query(settings, "SELECT * FROM chat_message") == []
        async with opened(platform.app, admin, "POST", path, body=body, headers=key) as stream:
            await stream.begun.wait()
            assert stream.status == 404


async def test_a_profile_that_one_may_not_use_opens_no_session(settings: Settings) -> None:
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        refused = await admin.call("POST", "/chat", json={"message": "Hi", "profile_id": UNKNOWN_ID})
        assert problem_of(refused) == (404, "unknown_profile")
        refused = await admin.call("POST", "/chat", json={"message": "Hi", "model": "gpt-0"})
        assert problem_of(refused) == (422, "unknown_model")
        assert (await admin.get("/chat/sessions"))["items"] == []
