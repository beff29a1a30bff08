"""What a model is told in a conversation, and what it is asked beside its answers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

from src.domains.chat.services.ports import ModelChunk, ModelFailed, Prompt, ToolCall, Usage
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.builders import Person, Platform, platform_on, problem_of
from tests.databases import query

LEAVE = b"# Leave\n\nAnnual leave is 25 days a year. New employees get 11 days in the first year.\n"
OUTSIDE = {"provider": "openai_compatible", "base_url": "http://127.0.0.1:1/v1"}


class Listener:
    """A model of the kind that reads instructions; keeps its prompts, and answers each kind of them its way."""

    name = "listener"

    def __init__(self, answer: str | ModelFailed = "25 days [1].", **small_tasks: str | ModelFailed) -> None:
        self.prompts: list[Prompt] = []
        self._answer = answer
        self._small_tasks = small_tasks

    @property
    def answered(self) -> list[Prompt]:
        return [prompt for prompt in self.prompts if not self._task(prompt)]

    def asked_to(self, task: str) -> list[Prompt]:
        return [prompt for prompt in self.prompts if self._task(prompt) == task]

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        self.prompts.append(prompt)
        task = self._task(prompt)
        said = self._small_tasks.get(task, "nothing") if task else self._answer
        if isinstance(said, ModelFailed):
            raise said
        yield ModelChunk(said)
        yield ModelChunk(usage=Usage(100, 10), finish_reason="stop")

    async def close(self) -> None:
        pass

    @staticmethod
    def _task(prompt: Prompt) -> str:
        beginnings = {"Rewrite": "rewrite", "You name": "title", "Summarise": "summarise"}
        return next((task for words, task in beginnings.items() if prompt.system.startswith(words)), "")


def listening(settings: Settings, **changes: Any) -> Settings:
    """Settings by which the model reads instructions, at a price."""
    offered = ModelSettings(
        name="listener", model="listener", price_in=1.0, price_out=10.0, **(OUTSIDE | changes)
    )
    chat = ChatSettings(models=(offered,), model="listener")
    return settings.model_copy(update={"chat": chat})


async def an_admin_with_a_document(platform: Platform) -> Person:
    admin = await platform.sign_up()
    await admin.upload_and_wait(await admin.create_collection(), "leave.md", LEAVE)
    return admin


async def until(holds: Callable[[], Any]) -> Any:
    """Return what holds once it does: nothing else tells that a task in the background is done."""
    async with asyncio.timeout(20):
        while not (found := holds()):  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.01)
    return found


async def test_a_model_is_told_the_rules_the_sources_and_the_question(settings: Settings) -> None:
    model = Listener()
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        answer = await admin.ask("How many days of annual leave are there?")
    [prompt] = model.answered
    assert "[1] leave.md" in prompt.system
    assert "> Annual leave is 25 days a year." in prompt.system
    assert "Answer in English" in prompt.system
    assert [(each.role, each.content) for each in prompt.messages] == [
        ("user", "How many days of annual leave are there?")
    ]
    assert (answer["grounded"], answer["model"]) == (True, "listener")
    assert answer["usage"] == {"tokens_in": 100, "tokens_out": 10, "cost": 0.0002}


async def test_an_answer_that_its_source_does_not_bear_out_is_not_grounded(settings: Settings) -> None:
    async with platform_on(listening(settings), model=Listener("It is 40 days [1].")) as platform:
        admin = await an_admin_with_a_document(platform)
        answer = await admin.ask("How many days of annual leave are there?")
    assert answer["citations"]
    assert answer["grounded"] is False


async def test_a_follow_up_is_rewritten_before_it_is_searched_for(settings: Settings) -> None:
    """The model is told the question as it was asked; the search gets it as it stands alone; both are paid for."""
    model = Listener(rewrite="How many days of annual leave do new employees get?")
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        first = await admin.ask("How many days of annual leave are there?")
        second = await admin.ask("And for new employees?", first["session_id"])
        message = await admin.get(f"/chat/messages/{second['message_id']}")
    assert len(model.asked_to("rewrite")) == 1
    assert model.answered[1].question == "And for new employees?"
    assert message["searched_for"] == "How many days of annual leave do new employees get?"
    assert second["usage"]["tokens_in"] == 200


async def test_rules_rewrite_a_follow_up_when_the_model_fails_to(settings: Settings) -> None:
    model = Listener(rewrite=ModelFailed("down"))
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        first = await admin.ask("How many days of annual leave are there?")
        second = await admin.ask("And for new employees?", first["session_id"])
        message = await admin.get(f"/chat/messages/{second['message_id']}")
    assert "annual leave" in message["searched_for"]
    assert "new employees" in message["searched_for"]
    assert second["answer"] == "25 days [1]."


async def test_a_new_session_gets_the_title_that_the_model_finds(settings: Settings) -> None:
    """Unless somebody has given it one; the call is paid for as part of the answer's turn."""
    model = Listener(title='"Annual leave"')
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        await admin.ask("How many days of annual leave are there?")
        await until(lambda: ("Annual leave",) in query(settings, "SELECT title FROM chat_session"))
        named = await admin.post("/chat/sessions", {"title": "Mine"})
        await admin.ask("How many days of annual leave are there?", named["id"])
        await until(lambda: len(model.asked_to("title")) == 2)
        await until(
            lambda: len(query(settings, "SELECT 1 FROM event_log WHERE name = 'chat.model_used'")) == 2
        )
        assert (await admin.get(f"/chat/sessions/{named['id']}"))["title"] == "Mine"
        await platform.delivered("analytics.turns")
        assert (await admin.get("/analytics/dashboard"))["totals"]["tokens_in"] == 400


@pytest.mark.parametrize("said", ["They asked for leave: 25 days.", ModelFailed("down")])
async def test_what_was_said_first_is_summed_up_before_it_does_not_fit(
    settings: Settings, said: str | ModelFailed
) -> None:
    """The summary stands for the oldest turns from then on, by the model or, where it fails, by rules."""
    model = Listener("25 days [1]. " + "It is so. " * 60, summarise=said, rewrite="Leave?")
    small = listening(settings, context_tokens=2_048, max_output_tokens=128)
    async with platform_on(small, model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        session_id = (await admin.ask("How many days of annual leave are there?"))["session_id"]
        for number in range(6):
            await admin.ask(f"Really, {number}?", session_id)
        await until(lambda: query(settings, "SELECT 1 FROM chat_message WHERE summary IS NOT NULL"))
        await admin.ask("And now?", session_id)
    last = model.answered[-1]
    assert "# What was said before" in last.system
    assert "25 days" in last.system.split("# What was said before")[1]
    assert "How many days" not in "".join(each.content for each in last.messages)


async def test_marks_of_earlier_answers_are_not_told_again(settings: Settings) -> None:
    model = Listener(rewrite="Leave?")
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        first = await admin.ask("How many days of annual leave are there?")
        await admin.ask("Really?", first["session_id"])
    assert [each.content for each in model.answered[1].messages][1] == "25 days."


async def test_a_message_that_the_model_cannot_hold_is_refused_and_nothing_is_kept(
    settings: Settings,
) -> None:
    small = listening(settings, context_tokens=2_048, max_output_tokens=128)
    async with platform_on(small, model=Listener()) as platform:
        admin = await platform.sign_up()
        refused = await admin.call("POST", "/chat", json={"message": "가나다라 " * 1_000})
        assert problem_of(refused) == (422, "context_too_long")
        assert (await admin.get("/chat/sessions"))["items"] == []


class Asking:
    """A model that calls the tools it is told to, one list a round, and then answers."""

    name = "asking"

    def __init__(self, *rounds: Sequence[ToolCall]) -> None:
        self.prompts: list[Prompt] = []
        self._rounds = list(rounds)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        self.prompts.append(prompt)
        calls = tuple(self._rounds.pop(0)) if self._rounds and prompt.tool_choice != "none" else ()
        if not calls:
            yield ModelChunk("New employees get 11 days [2].")
        reason = "tool_calls" if calls else "stop"
        yield ModelChunk(tool_calls=calls, usage=Usage(100, 10), finish_reason=reason)

    async def close(self) -> None:
        pass


def search(id: str, words: str) -> ToolCall:
    return ToolCall(id, "search_knowledge", f'{{"query": "{words}"}}')


async def test_a_tool_is_called_shown_and_recorded_and_its_sources_can_be_cited(settings: Settings) -> None:
    model = Asking([search("a", "new employees")])
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        answer = await admin.ask("How many days of annual leave are there?")
        message = await admin.get(f"/chat/messages/{answer['message_id']}")
    assert [spec.name for spec in model.prompts[0].tools] == ["search_knowledge", "current_time"]
    told = model.prompts[1].messages
    assert [each.role for each in told] == ["user", "assistant", "tool"]
    assert told[2].content.startswith("[2] leave.md")
    assert [citation["index"] for citation in answer["citations"]] == [2]
    [call] = message["tool_calls"]
    assert (call["name"], call["status"]) == ("search_knowledge", "completed")
    assert answer["usage"]["tokens_in"] == 200


async def test_a_model_that_never_stops_calling_tools_has_to_answer_in_the_end(settings: Settings) -> None:
    model = Asking(*([search(str(number), "leave")] for number in range(50)))
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        answer = await admin.ask("How many days of annual leave are there?")
    assert answer["answer"].startswith("New employees get 11 days")
    rounds = [prompt.tool_choice for prompt in model.prompts if prompt.tools]
    assert rounds == ["auto"] * ChatSettings().tool_rounds + ["none"]


async def test_many_calls_in_one_round_are_bounded(settings: Settings) -> None:
    """Those beyond the bound are told to the model as failed; each call of a round gets its result."""
    model = Asking([search(str(number), "leave") for number in range(200)])
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        answer = await admin.ask("How many days of annual leave are there?")
        message = await admin.get(f"/chat/messages/{answer['message_id']}")
    assert len(message["tool_calls"]) == ChatSettings().tool_calls
    assert sum(each.role == "tool" for each in model.prompts[1].messages) == 200


async def test_a_profile_says_how_its_sessions_are_answered(settings: Settings) -> None:
    model = Listener()
    async with platform_on(listening(settings), model=model) as platform:
        admin = await an_admin_with_a_document(platform)
        empty = await admin.create_collection("Empty")
        profile = await admin.post(
            "/chat/profiles",
            {
                "name": "Poet",
                "description": "",
                "system_prompt": "Answer in verse.",
                "temperature": 0.9,
                "collection_ids": [empty],
                "group_ids": [],
                "without_sources": "answer",
            },
        )
        asked = {"message": "How many days of annual leave are there?", "profile_id": profile["id"]}
        answer = await admin.post("/chat", asked)
    [prompt] = model.answered
    assert prompt.system.startswith("Answer in verse.")
    assert "you may answer from your own knowledge" in prompt.system
    assert (prompt.temperature, prompt.passages, answer["citations"]) == (0.9, (), [])


async def test_a_temporary_session_tells_events_no_text(settings: Settings) -> None:
    async with platform_on(listening(settings), model=Listener()) as platform:
        admin = await platform.sign_up()
        session = await admin.post("/chat/sessions", {"temporary": True})
        await admin.ask("xylophone", session["id"])
        await platform.delivered("analytics.turns")
        assert (await admin.get("/analytics/dashboard"))["totals"]["messages"] == 1
    assert "xylophone" not in str(query(settings, "SELECT payload FROM event_log"))
