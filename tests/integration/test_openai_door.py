"""The door for programs that speak OpenAI's API: what they may ask, what they hear, and what is kept of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from src.domains.chat.services.ports import (
    PromptMessage,
    ToolCall,
    ToolSpec,
)
from src.infrastructure.settings import Settings
from tests.builders import Person, platform_on
from tests.doors import (
    ASKED,
    CALL,
    CALLING,
    RESULT,
    WEATHER,
    answered,
    ask,
    look,
    refusal_of,
    streamed,
    text_of,
    with_models,
)
from tests.fakes import CitingModel, ScriptedModel

SAFE = b"The code of the safe is 4711."
QUESTION = "What is the code of the safe?"


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(["It is ", "sunny."])


@pytest.fixture
async def person(settings: Settings, model: ScriptedModel) -> AsyncIterator[Person]:
    """An administrator of a platform with the models of `with_models`."""
    async with platform_on(with_models(settings), model=model) as platform:
        yield await platform.sign_up()


async def an_assistant(admin: Person, name: str = "Guard", **fields: Any) -> str:
    """Make a profile that knows what Sales may read, and return the group's id."""
    group_id = await admin.create_group("Sales")
    collection_id = await admin.create_collection("Secret", [group_id])
    await admin.upload_and_wait(collection_id, "safe.txt", SAFE)
    about = {
        "name": name,
        "system_prompt": "You guard the safe.",
        "collection_ids": [collection_id],
        **fields,
    }
    await admin.post("/chat/profiles", about)
    return group_id


async def saved(person: Person, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the message that an answer or a chunk is of."""
    message_id = answer["id"].removeprefix("chatcmpl-")
    message: dict[str, Any] = await person.get(f"/chat/messages/{message_id}")
    return message


async def test_models_and_the_profiles_that_one_may_use_are_listed(person: Person) -> None:
    member, stranger = await person._platform.sign_up("member"), await person._platform.sign_up("stranger")
    group_id = await person.create_group("Legal", member)
    await person.post("/chat/profiles", {"name": "Everybody's", "model": "acme/wordless"})
    await person.post("/chat/profiles", {"name": "법무 도우미", "group_ids": [group_id]})
    listed = (await look(stranger, "/v1/models")).json()
    assert listed["object"] == "list"
    assert [(each["id"], each["owned_by"]) for each in listed["data"]] == [
        ("assistant", "assistant"),
        ("small", "platform"),
        ("acme/wordless", "platform"),
        ("Everybody's", "assistant"),
    ]
    assert all(each["object"] == "model" and isinstance(each["created"], int) for each in listed["data"])
    assert [each["id"] for each in (await look(member, "/v1/models")).json()["data"]][4] == "법무 도우미"
    for name in ("acme/wordless", "법무 도우미"):
        assert (await look(member, f"/v1/models/{name}")).json()["id"] == name
    for name in ("법무 도우미", "gpt-0"):
        assert refusal_of(await look(stranger, f"/v1/models/{name}")) == (404, "model_not_found", "model")
        assert refusal_of(await ask(stranger, model=name)) == (404, "model_not_found", "model")


@pytest.mark.only("sqlite")
async def test_a_model_is_told_what_the_program_says_and_nothing_else(
    person: Person, model: ScriptedModel
) -> None:
    answer = await answered(
        person,
        {"role": "system", "content": "You are terse."},
        "Hi",
        {"role": "assistant", "content": [{"type": "text", "text": "Hello [1]."}]},
        {"role": "developer", "content": "Speak of weather only."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "In Seoul?"}, {"type": "text", "text": "Now?"}],
        },
        max_tokens=100,
        temperature=0.3,
        top_p=0.5,
        stop="END",
    )
    [prompt] = model.prompts
    assert prompt.system == "You are terse.\n\nSpeak of weather only."
    assert prompt.messages == (
        PromptMessage("user", "Hi"),
        PromptMessage("assistant", "Hello [1]."),
        PromptMessage("user", "In Seoul?\nNow?"),
    )
    assert (prompt.max_tokens, prompt.temperature, prompt.top_p, prompt.stop) == (100, 0.3, 0.5, ("END",))
    assert (prompt.tools, prompt.passages) == ((), ())
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "small"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "It is sunny."}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    message = await saved(person, answer)
    assert message["content"] == "It is sunny."
    assert answer["platform"] == {
        "session_id": message["session_id"],
        "message_id": message["id"],
        "model": "small",
        "failed_models": [],
        "grounded": False,
        "budget": None,
    }


@pytest.mark.only("sqlite")
async def test_an_answer_is_no_longer_than_the_model_and_the_program_allow(
    person: Person, model: ScriptedModel
) -> None:
    model.finish_reason = "length"
    for wish in ({}, {"max_tokens": 9_000}, {"max_completion_tokens": 20, "max_tokens": 50}):
        answer = await answered(person, **wish)
        assert answer["choices"][0]["finish_reason"] == "length"
    assert [prompt.max_tokens for prompt in model.prompts] == [512, 512, 20]


@pytest.mark.only("sqlite")
async def test_brackets_in_a_models_answer_are_its_own(person: Person, model: ScriptedModel) -> None:
    """Programs give numbers to sources of theirs."""
    model.pieces = ["See [1] and a[", "0]."]
    answer = await answered(person)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "See [1] and a[0]."}


async def test_a_profile_brings_its_knowledge_and_keeps_its_rules(
    settings: Settings,
) -> None:
    """What the program says is system text stands behind them; its temperature holds."""
    model = ScriptedModel(["It is 4711 [1], [7]."])
    async with platform_on(with_models(settings), model=model) as platform:
        admin = await platform.sign_up()
        group_id = await an_assistant(admin, temperature=0.9)
        await admin.patch(f"/auth/users/{admin.id}", {"group_ids": [group_id]})
        system = {"role": "system", "content": "Rhyme."}
        earlier = {"role": "assistant", "content": "Ask away [3]."}
        answer = await answered(admin, system, "Hi", earlier, QUESTION, model="Guard", temperature=0.1)
        prompt = model.prompts[-1]
        assert prompt.system.startswith("You guard the safe.")
        assert "4711" in prompt.system
        assert prompt.system.endswith("\n\nRhyme.")
        assert prompt.messages[1:] == (
            PromptMessage("assistant", "Ask away."),
            PromptMessage("user", QUESTION),
        )
        assert prompt.temperature == 0.1
        assert {tool.name for tool in prompt.tools} == {"search_knowledge", "current_time"}
        assert answer["model"] == "Guard"
        told = answer["choices"][0]["message"]
        assert told["content"] == "It is 4711 [1],."
        [citation] = told["citations"]
        assert (citation["index"], citation["title"], citation["text"]) == (1, "safe.txt", SAFE.decode())
        assert answer["platform"]["model"] == "small"
        assert answer["platform"]["grounded"] is True
        await answered(admin, QUESTION, model="Guard", tools=[WEATHER])
        assert [tool.name for tool in model.prompts[-1].tools] == ["weather"]
        assert model.prompts[-1].temperature == 0.9


async def test_an_answer_cites_what_its_asker_may_read(settings: Settings) -> None:
    """Also in a stream; by a profile that is there for everybody, and by the platform's own assistant."""
    async with platform_on(with_models(settings), model=CitingModel()) as platform:
        admin, member = await platform.sign_up(), await platform.sign_up("member")
        group_id = await an_assistant(admin)
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": [group_id]})
        for model in ("Guard", "assistant"):
            for asker, texts in ((member, [SAFE.decode()]), (admin, [])):
                told = (await answered(asker, QUESTION, model=model))["choices"][0]["message"]
                assert [each["text"] for each in told["citations"]] == texts
                chunks = await streamed(asker, QUESTION, model=model)
                assert chunks[-1]["choices"][0]["delta"]["citations"] == told["citations"]
                assert text_of(chunks) == told["content"]


@pytest.mark.only("sqlite")
async def test_a_stream_is_the_answer_in_pieces(person: Person) -> None:
    chunks = await streamed(person, stream_options={"include_usage": True, "include_obfuscation": False})
    first, *_, last, usage = chunks
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert text_of(chunks) == (await saved(person, first))["content"] == "It is sunny."
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert last["platform"]["message_id"] == first["id"].removeprefix("chatcmpl-")
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert {(each["id"], each["created"], each["model"], each["object"]) for each in chunks} == {
        (first["id"], first["created"], "small", "chat.completion.chunk")
    }
    assert all(each["usage"] is None for each in chunks[:-1])
    assert not any("usage" in each for each in await streamed(person))


@pytest.mark.only("sqlite")
async def test_a_program_calls_its_own_tools_and_comes_back_with_results(
    person: Person, model: ScriptedModel
) -> None:
    """The model is told of them as they are; the platform's own are not among them."""
    model.pieces, model.finish_reason = (
        ["Let me see.", CALL, ToolCall("call_2", "weather", "{}")],
        "tool_calls",
    )
    tools = {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}}
    answer = await answered(person, "Weather?", **tools)
    [choice] = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "Let me see."
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_1", "call_2"]
    assert choice["message"]["tool_calls"][0] == ASKED
    function = WEATHER["function"]
    assert isinstance(function, dict)
    assert model.prompts[-1].tools == (ToolSpec("weather", "Tell the weather.", function["parameters"]),)
    assert model.prompts[-1].tool_choice == "weather"

    model.pieces = [CALL, ToolCall("call_2", "weather", "{}")]
    one = await answered(person, "Weather?", **tools, parallel_tool_calls=False)
    assert one["choices"][0]["message"] == CALLING
    chunks = await streamed(person, "Weather?", **tools)
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0] == {"index": 0, **ASKED}
    assert (calls[1]["index"], calls[1]["id"]) == (1, "call_2")
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"

    model.pieces, model.finish_reason = ["Sunny."], "stop"
    final = await answered(person, "Weather?", CALLING, RESULT, tools=[WEATHER])
    assert model.prompts[-1].messages == (
        PromptMessage("user", "Weather?"),
        PromptMessage("assistant", "", (CALL,)),
        PromptMessage("tool", "Sunny.", tool_call_id="call_1"),
    )
    assert final["choices"][0]["finish_reason"] == "stop"
    await answered(
        person, "Weather?", CALLING, RESULT, {"role": "assistant", "content": "Sunny."}, "And now?"
    )
    assert [each.role for each in model.prompts[-1].messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]


@pytest.mark.only("sqlite")
async def test_a_question_is_rewritten_by_what_was_said_and_not_by_calls(
    person: Person, model: ScriptedModel
) -> None:
    """A model would refuse calls whose results are missing."""
    await person.post("/chat/profiles", {"name": "Guide"})
    said = {**CALLING, "content": "Let me see."}, RESULT, {"role": "assistant", "content": "Sunny."}
    await answered(person, "How is the weather in Seoul?", *said, "And in Busan?", model="Guide")
    rewriting, answering = model.prompts
    assert len(answering.messages) == 5
    assert not any(each.tool_calls or each.role == "tool" for each in rewriting.messages)
    assert rewriting.question == "And in Busan?"


@pytest.mark.only("sqlite")
async def test_programs_call_tools_where_the_platform_runs_none(settings: Settings) -> None:
    model = ScriptedModel([CALL], "tool_calls")
    async with platform_on(with_models(settings, tool_rounds=0), model=model) as platform:
        answer = await answered(await platform.sign_up(), tools=[WEATHER])
        assert answer["choices"][0]["message"]["tool_calls"] == [ASKED]


async def test_a_key_gets_the_same_answer_with_the_calls_in_it(person: Person, model: ScriptedModel) -> None:
    """As long as they are, and also when the answer comes from the database."""
    call = ToolCall("call_1", "weather", f'{{"city": "{"Seoul" * 500}"}}')
    model.pieces, model.finish_reason = [call], "tool_calls"
    body: dict[str, Any] = {"tools": [WEATHER], "headers": {"Idempotency-Key": "a key"}}
    first = await answered(person, **body)
    assert first["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == call.arguments
    assert await answered(person, **body) == first
    assert len(model.prompts) == 1
    changed = await ask(person, "Other?", **body)
    assert refusal_of(changed) == (400, "idempotency_key_reused", None)
    bad = await ask(person, headers={"Idempotency-Key": "x" * 201})
    assert refusal_of(bad) == (400, "invalid_request", "idempotency-key")
