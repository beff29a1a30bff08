"""The door for programs that speak OpenAI's API: what they may ask, what they hear, and what is kept of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.ports import (
    ContextTooLong,
    ModelFailed,
    PromptMessage,
    PromptRefused,
    ToolCall,
    ToolSpec,
)
from src.domains.chat.services.trash import Trash, TrashPolicy
from src.infrastructure.settings import Settings
from tests.builders import Person, platform_on
from tests.conversations import database_of
from tests.databases import execute, query
from tests.doors import (
    COMPLETIONS,
    WEATHER,
    answered,
    ask,
    chunk_of,
    look,
    refusal_of,
    streamed,
    text_of,
    with_models,
)
from tests.fakes import CitingModel, ScriptedModel, SteppedModel
from tests.streams import Stream, opened

SAFE = b"The code of the safe is 4711."
QUESTION = "What is the code of the safe?"
CALL = ToolCall("call_1", "weather", '{"city": "Seoul"}')
ASKED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Seoul"}'},
}
CALLING = {"role": "assistant", "content": None, "tool_calls": [ASKED]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."}
LONG_AGO = "2026-01-01 00:00:00.000000+00:00"


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
        ("small", "platform"),
        ("acme/wordless", "platform"),
        ("Everybody's", "assistant"),
    ]
    assert all(each["object"] == "model" and isinstance(each["created"], int) for each in listed["data"])
    assert [each["id"] for each in (await look(member, "/v1/models")).json()["data"]][3] == "법무 도우미"
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
    """Also in a stream, and also when the profile is there for everybody."""
    async with platform_on(with_models(settings), model=CitingModel()) as platform:
        admin, member = await platform.sign_up(), await platform.sign_up("member")
        group_id = await an_assistant(admin)
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": [group_id]})
        for asker, texts in ((member, [SAFE.decode()]), (admin, [])):
            told = (await answered(asker, QUESTION, model="Guard"))["choices"][0]["message"]
            assert [each["text"] for each in told["citations"]] == texts
            chunks = await streamed(asker, QUESTION, model="Guard")
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


@pytest.mark.only("sqlite")
async def test_what_clients_send_beyond_what_is_known_is_let_be(person: Person) -> None:
    await answered(
        person,
        {"role": "user", "content": "Hi", "name": "kim", "weight": 1},
        n=1,
        user="kim",
        seed=7,
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        reasoning_effort="low",
        presence_penalty=0.5,
        frequency_penalty=0.5,
        response_format={"type": "text"},
        logprobs=False,
        top_logprobs=None,
        modalities=["text"],
        logit_bias={},
        parallel_tool_calls=True,
        tools=None,
        tool_choice=None,
        stop=None,
        stream=None,
        stream_options=None,
        temperature=None,
        of_next_year={"x": 1},
    )


IMAGE = {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {}}]}
DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"properties": DEEP}

REFUSED: list[tuple[list[Any], dict[str, Any], str, str | None]] = [
    ([IMAGE], {}, "unsupported_value", "messages[0].content[1]"),
    (["Hi"], {"n": 2}, "unsupported_value", "n"),
    (["Hi"], {"response_format": {"type": "json_object"}}, "unsupported_value", "response_format"),
    (["Hi"], {"logprobs": True}, "unsupported_value", "logprobs"),
    (["Hi"], {"top_logprobs": 3}, "unsupported_value", "top_logprobs"),
    (["Hi"], {"logit_bias": {"50256": -100}}, "unsupported_value", "logit_bias"),
    (["Hi"], {"modalities": ["text", "audio"]}, "unsupported_value", "modalities"),
    (["Hi"], {"audio": {"voice": "alloy"}}, "unsupported_value", "audio"),
    (["Hi"], {"functions": [WEATHER["function"]]}, "unsupported_value", "functions"),
    (["Hi"], {"web_search_options": {}}, "unsupported_value", "web_search_options"),
    (["Hi"], {"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "unsupported_value", "tools[0].type"),
    (["Hi"], {"tools": [WEATHER], "model": "acme/wordless"}, "unsupported_value", "tools"),
    (["Hi"], {"tools": [{"type": "function"}]}, "invalid_value", "tools[0].function"),
    (["Hi"], {"tools": [WEATHER, WEATHER]}, "invalid_value", "tools"),
    (["Hi"], {"tool_choice": "required"}, "invalid_value", "tool_choice"),
    (["Hi"], {"tools": [WEATHER], "tool_choice": "search_knowledge"}, "invalid_value", "tool_choice"),
    (["Hi"], {"tool_choice": {"type": "allowed_tools"}}, "invalid_request", "tool_choice"),
    ([{"role": "system", "content": "x"}], {}, "invalid_value", "messages"),
    (["Hi", {"role": "assistant", "content": "x"}], {}, "invalid_value", "messages"),
    (["Hi", RESULT], {}, "invalid_value", "messages"),
    (["Hi", CALLING], {}, "invalid_value", "messages"),
    (["Hi", CALLING, "And?"], {}, "invalid_value", "messages"),
    ([" \n"], {}, "empty_message", None),
    (["word " * 40_000], {}, "context_length_exceeded", None),
    ([*["word " * 2_000] * 5, "Hi"], {}, "context_length_exceeded", None),
    (["Hi"], {"messages": []}, "invalid_request", "messages"),
    (["Hi"], {"messages": ["Hi"] * 2_001}, "invalid_request", "messages"),
    (["Hi"], {"messages": None}, "invalid_request", "messages"),
    ([{"role": "king", "content": "Hi"}], {}, "invalid_request", "messages[0].role"),
    ([{"role": "user", "content": 7}], {}, "invalid_request", "messages[0].content"),
    (["\0"], {}, "invalid_request", "messages[0].content[0].text"),
    (["\ud800"], {}, "invalid_request", None),
    (["Hi"], {"model": None}, "invalid_request", "model"),
    (["Hi"], {"temperature": 2.1}, "invalid_request", "temperature"),
    (["Hi"], {"temperature": float("nan")}, "invalid_request", "temperature"),
    (["Hi"], {"top_p": -1}, "invalid_request", "top_p"),
    (["Hi"], {"max_tokens": 0}, "invalid_request", "max_tokens"),
    (["Hi"], {"stop": ["a", "b", "c", "d", "e"]}, "invalid_request", "stop"),
    (["Hi"], {"tools": [WEATHER] * 129}, "invalid_request", "tools"),
    (
        ["Hi"],
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        "invalid_request",
        "tools[0].function.name",
    ),
    (
        ["Hi"],
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": DEEP}}]},
        "invalid_request",
        "tools[0].function.parameters",
    ),
]


@pytest.mark.only("sqlite")
async def test_what_cannot_be_done_is_refused_and_never_reaches_a_model(
    person: Person, model: ScriptedModel
) -> None:
    for stream in (False, True):
        for messages, body, code, param in REFUSED:
            refused = await ask(person, *messages, **{"stream": stream, **body})
            assert refusal_of(refused) == (400, code, param), refused.text
    assert model.prompts == []


@pytest.mark.only("sqlite")
async def test_errors_have_one_form_wherever_they_come_from(settings: Settings) -> None:
    async with platform_on(with_models(settings), model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        client, signed = platform.client, {"Authorization": f"Bearer {admin.tokens['access_token']}"}
        for headers in ({}, {"Authorization": "Bearer gcb_nobody"}, {"Authorization": "Bearer x.y.z"}):
            for call in (
                client.get("/v1/models", headers=headers),
                client.post(COMPLETIONS, headers=headers),
            ):
                refused = await call
                assert refusal_of(refused) == (401, "invalid_api_key", None)
                assert refused.headers["www-authenticate"] == "Bearer"
        assert refusal_of(await client.post("/v1/embeddings", headers=signed)) == (404, "not_found", None)
        wrong_method = await client.get(COMPLETIONS, headers=signed)
        assert refusal_of(wrong_method) == (405, "method_not_allowed", None)
        broken = await client.post(COMPLETIONS, headers=signed, content=b"{")
        assert refusal_of(broken) == (400, "invalid_request", None)
        large = await client.post(COMPLETIONS, headers=signed, content=b" " * 2_000_000)
        assert refusal_of(large) == (413, "too_large", None)


async def test_a_key_holds_as_long_as_its_owner_does(person: Person) -> None:
    member = await person._platform.sign_up("member")
    key = (await member.post("/auth/api-keys", {"name": "Robot"}))["key"]
    assert (await ask(member, key=key)).status_code == 200
    await person.patch(f"/auth/users/{member.id}", {"is_active": False})
    assert refusal_of(await ask(member, key=key)) == (401, "invalid_api_key", None)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ModelFailed("Down.", retry_after=7), (503, "model_failed", None)),
        (ContextTooLong("Too long."), (400, "context_length_exceeded", None)),
        (PromptRefused("No."), (400, "prompt_refused", None)),
    ],
)
@pytest.mark.only("sqlite")
async def test_what_fails_before_a_word_has_its_status_in_a_stream_too(
    person: Person, model: ScriptedModel, fault: Exception, told: tuple[int, str, None]
) -> None:
    model.pieces = [fault]
    for stream in (False, True):
        failed = await ask(person, stream=stream)
        assert refusal_of(failed) == told
        assert failed.headers.get("retry-after") == ("7" if told[0] == 503 else None)


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
