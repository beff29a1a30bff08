"""Chat models of a server that speaks OpenAI's API, asked through OpenAI's own library."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from src.domains.chat.services.ports import (
    ContextTooLong,
    ModelChunk,
    ModelFailed,
    Prompt,
    PromptMessage,
    PromptRefused,
    ToolCall,
    ToolSpec,
    Usage,
)
from src.infrastructure.container.models import default_model
from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, called, refusal, said
from tests.standins.serving import serving

QUESTION = Prompt((PromptMessage("user", "How many days of leave do I have?"),))
SEARCH = ToolSpec(
    "search", "Finds passages.", {"type": "object", "properties": {"query": {"type": "string"}}}
)
CLOCK = ToolSpec("current_time", "Tells the time.")
WHOLE = Script()


@pytest.fixture
def standin() -> ChatCompletionsStandIn:
    return ChatCompletionsStandIn()


class Relay:
    """Leads to the stand-in of the test that runs: one server does for all of them."""

    standin: ChatCompletionsStandIn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.standin.door(scope, receive, send)


@pytest.fixture(scope="module")
def relay() -> Relay:
    return Relay()


@pytest.fixture(scope="module")
def address(relay: Relay) -> Iterator[str]:
    with serving(relay) as address:
        yield address


@pytest.fixture
def url(relay: Relay, address: str, standin: ChatCompletionsStandIn) -> str:
    relay.standin = standin
    return f"{address}/v1"


@pytest.fixture
async def model(url: str) -> AsyncIterator[OpenAICompatibleModel]:
    async with model_at(url) as model:
        yield model


@asynccontextmanager
async def model_at(url: str, model: str = "smollm2", **given: Any) -> AsyncIterator[OpenAICompatibleModel]:
    adapter = OpenAICompatibleModel(model, url, **given)
    try:
        yield adapter
    finally:
        await adapter.close()


async def answered(model: OpenAICompatibleModel, prompt: Prompt = QUESTION) -> tuple[str, ModelChunk]:
    """Return the text of the answer and its last chunk."""
    chunks = [chunk async for chunk in model.stream(prompt)]
    return "".join(chunk.text for chunk in chunks), chunks[-1]


async def failed(model: OpenAICompatibleModel) -> tuple[str, ModelFailed]:
    """Return the text that came, and the failure that ended it."""
    text = ""
    try:
        async for chunk in model.stream(QUESTION):
            text += chunk.text
            assert chunk.finish_reason is None
    except ModelFailed as failure:
        return text, failure
    raise AssertionError("the answer is whole")


async def happens(signal: threading.Semaphore) -> bool:
    return await asyncio.to_thread(signal.acquire, timeout=10)


async def test_an_answer_comes_in_pieces_and_ends_with_its_usage_and_reason(
    model: OpenAICompatibleModel,
) -> None:
    assert [chunk async for chunk in model.stream(QUESTION)] == [
        ModelChunk("Hello"),
        ModelChunk(" there"),
        ModelChunk("."),
        ModelChunk(usage=Usage(12, 3), finish_reason="stop"),
    ]


async def test_nothing_is_asked_for_that_the_prompt_does_not_say(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    await answered(model)
    assert standin.asked == [
        {
            "model": "smollm2",
            "messages": [{"role": "user", "content": "How many days of leave do I have?"}],
            "max_tokens": 1024,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


async def test_a_prompt_is_told_in_the_words_of_the_api(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    prompt = Prompt(
        (
            PromptMessage("user", "When is it?"),
            PromptMessage("assistant", "", (ToolCall("call_1", "current_time", "{}"),)),
            PromptMessage("tool", "14:25", tool_call_id="call_1"),
            PromptMessage("assistant", "It is 14:25."),
            PromptMessage("user", "휴가는?"),
        ),
        system="Answer briefly.",
        tools=(SEARCH, CLOCK),
        max_tokens=50,
        temperature=0.2,
        top_p=0.9,
        stop=("END",),
    )
    await answered(model, prompt)
    call = {"id": "call_1", "type": "function", "function": {"name": "current_time", "arguments": "{}"}}
    assert standin.asked[0] == {
        "model": "smollm2",
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "When is it?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "14:25"},
            {"role": "assistant", "content": "It is 14:25."},
            {"role": "user", "content": "휴가는?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "search",
                    "description": "Finds passages.",
                    "parameters": SEARCH.parameters,
                },
            },
            {
                "type": "function",
                "function": {
                    "name": "current_time",
                    "description": "Tells the time.",
                    "parameters": {"type": "object", "properties": {}},
                },
            },
        ],
        "tool_choice": "auto",
        "max_tokens": 50,
        "temperature": 0.2,
        "top_p": 0.9,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("search", {"type": "function", "function": {"name": "search"}}),
    ],
)
async def test_a_choice_of_tools_is_told(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, choice: str, told: Any
) -> None:
    await answered(model, Prompt(QUESTION.messages, tools=(SEARCH,), tool_choice=choice))
    assert standin.asked[0]["tool_choice"] == told


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [
                *called("search", '{"que', 'ry": "le', 'ave"}', id="call_1"),
                *called("current_time", "{", "}", id="call_2", index=1),
            ],
            id="one after the other",
        ),
        pytest.param(
            [
                called("search", id="call_1")[0],
                called("current_time", id="call_2", index=1)[0],
                called("current_time", "{}", index=1)[1],
                called("search", '{"query": "leave"}')[1],
            ],
            id="mixed",
        ),
        pytest.param(
            [
                *called("search", '{"query": "leave"}', id="call_1"),
                *called("current_time", "{}", id="call_2"),
            ],
            id="all with the index 0",
        ),
        pytest.param(
            [
                {"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": piece}}]}
                for index, id, name, piece in [
                    (0, "call_1", "search", '{"query":'),
                    (0, "call_1", "search", ' "leave"}'),
                    (1, "call_2", "current_time", "{}"),
                ]
            ],
            id="names and ids repeated",
        ),
    ],
)
async def test_tool_calls_are_put_together_from_their_pieces(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, deltas: Any
) -> None:
    standin.scripts.append(Script(deltas, "tool_calls"))
    _text, last = await answered(model, Prompt(QUESTION.messages, tools=(SEARCH, CLOCK)))
    assert last.finish_reason == "tool_calls"
    assert last.tool_calls == (
        ToolCall("call_1", "search", '{"query": "leave"}'),
        ToolCall("call_2", "current_time", "{}"),
    )


async def test_calls_without_ids_get_different_ones(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    nameless = [*called("search", "{}", id=""), *called("search", "{}", id="", index=1)]
    standin.scripts.append(Script(nameless, "tool_calls"))
    _text, last = await answered(model)
    assert len({call.id for call in last.tool_calls} - {""}) == 2


async def test_a_call_in_the_old_form_is_one(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(
        Script([{"function_call": {"name": "search", "arguments": "{}"}}], "function_call")
    )
    _text, last = await answered(model)
    assert [(call.name, call.arguments) for call in last.tool_calls] == [("search", "{}")]
    assert last.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos_token", "stop"),
        ("tool_calls", "stop"),
    ],
)
async def test_reasons_of_the_end_without_calls(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, told: str, meant: str
) -> None:
    standin.scripts.append(Script(finish_reason=told))
    assert (await answered(model))[1].finish_reason == meant


@pytest.mark.parametrize(
    ("told", "meant", "calls"),
    [("stop", "tool_calls", 1), ("length", "length", 0), ("content_filter", "content_filter", 0)],
)
async def test_calls_count_only_when_the_answer_is_whole(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, told: str, meant: str, calls: int
) -> None:
    """A forced call ends with `stop`; one that was cut off has half of its arguments."""
    standin.scripts.append(Script(called("search", '{"quer'), told))
    _text, last = await answered(model)
    assert (last.finish_reason, len(last.tool_calls)) == (meant, calls)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_what_a_model_thinks_is_not_its_answer(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, name: str
) -> None:
    standin.scripts.append(
        Script([{name: "The question is about leave. " * 10}, *said("15 days.")], usage=None)
    )
    text, last = await answered(model)
    assert text == "15 days."
    assert last.usage is not None
    assert last.usage.tokens_out > 50  # thinking is paid for


async def test_a_usage_that_is_not_told_is_estimated(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(said("연차 휴가는 ", "15일입니다."), usage=None))
    _text, last = await answered(model, Prompt(QUESTION.messages, system="Answer briefly. " * 100))
    assert last.usage is not None
    assert 400 < last.usage.tokens_in < 500
    assert last.usage.tokens_out == 8


UNSUPPORTED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead."
)
MISTRAL = {
    "type": "extra_forbidden",
    "loc": ["body", "stream_options"],
    "msg": "Extra inputs are not permitted",
}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("max_tokens", refusal(UNSUPPORTED, "unsupported_parameter", "max_tokens")),
        ("max_tokens", refusal(UNSUPPORTED)),
        ("stream_options", {"object": "error", "message": {"detail": [MISTRAL]}}),
        ("stream_options", refusal("Unrecognized request argument supplied: stream_options")),
        (
            "temperature",
            refusal("'temperature' does not support 0.2 with this model", "unsupported_value", "temperature"),
        ),
    ],
)
async def test_a_parameter_that_the_server_does_not_know_is_left_out_from_then_on(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, name: str, words: dict[str, Any]
) -> None:
    standin.refused_parameters[name] = words
    prompt = Prompt(QUESTION.messages, temperature=0.2, max_tokens=77)
    for _turn in range(2):
        assert (await answered(model, prompt))[0] == "Hello there."
    first, second, third = standin.asked
    assert name in first
    assert second == third
    limit = "max_completion_tokens" if name == "max_tokens" else "max_tokens"
    assert second == {key: value for key, value in first.items() if key != name} | {limit: 77}


async def test_several_parameters_can_be_refused(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    for name in ("max_tokens", "stream_options", "temperature", "top_p"):
        standin.refused_parameters[name] = refusal(f"Unsupported parameter: {name}", None, name)
    prompt = Prompt(QUESTION.messages, temperature=0.2, top_p=0.5)
    assert (await answered(model, prompt))[0] == "Hello there."
    assert set(standin.asked[-1]) == {"model", "messages", "max_completion_tokens", "stream"}


async def test_a_refusal_that_leaving_out_does_not_cure_is_not_remembered(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    """A server that repeats the request in its refusal may repeat such words of a person's."""
    echo = refusal("unexpected message: is max_tokens unknown?")
    standin.door.fail(400, echo, times=2)
    with pytest.raises(PromptRefused):
        await answered(model)
    await answered(model)
    assert standin.asked[-1]["max_tokens"] == 1024


@pytest.mark.parametrize("number", range(len(WHOLE.chunks) + 1))
async def test_a_connection_that_is_cut_before_the_end_is_a_passing_failure(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, number: int
) -> None:
    standin.scripts.append(Script(cut_after=number))
    pieces = ["", "Hello", " there", "."]
    if number <= len(pieces):
        text, failure = await failed(model)
        assert text == "".join(pieces[:number])
        assert failure.passing
    else:  # the reason was told: the answer is whole
        text, last = await answered(model)
        assert (text, last.finish_reason) == ("Hello there.", "stop")
        assert (last.usage == Usage(12, 3)) == (number > len(pieces) + 1)
    assert len(standin.door.paths) == 1


@pytest.mark.parametrize("number", range(len(WHOLE.chunks) - 1))
async def test_an_error_within_the_stream_is_a_passing_failure(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, number: int
) -> None:
    standin.scripts.append(Script(error_after=number))
    _text, failure = await failed(model)
    assert failure.passing
    assert "overloaded" not in failure.detail
    assert len(standin.door.paths) == 1


async def test_money_that_is_used_up_within_the_stream_does_not_pass(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(error_after=1, error={"message": "quota", "code": "insufficient_quota"}))
    assert not (await failed(model))[1].passing


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("reason", [None, "abort"])
async def test_a_stream_that_ends_without_a_reason_is_a_passing_failure(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, done: bool, reason: str | None
) -> None:
    standin.scripts.append(Script(finish_reason=reason, done=done))
    text, failure = await failed(model)
    assert text == "Hello there."
    assert failure.passing


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_fault_that_passes_is_told_as_such_and_not_tried_again(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, status: int
) -> None:
    standin.door.fail(status, refusal("overloaded"), {"retry-after": "7"})
    _text, failure = await failed(model)
    assert (failure.passing, failure.retry_after) == (True, 7)
    assert len(standin.door.paths) == 1


async def test_money_that_is_used_up_does_not_pass(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.door.fail(429, refusal("You exceeded your current quota", "insufficient_quota"))
    assert not (await failed(model))[1].passing


@pytest.mark.parametrize(
    ("model_id", "key", "reason"),
    [("gone", None, "does not exist"), ("smollm2", "wrong", "Incorrect API key")],
)
async def test_a_wrong_model_or_key_is_logged_and_told_without_its_words(
    url: str, standin: ChatCompletionsStandIn, model_id: str, key: str | None, reason: str
) -> None:
    async with model_at(url, model_id, api_key=key) as model:
        with capture_logs() as logged:
            _text, failure = await failed(model)
    assert not failure.passing
    assert reason not in failure.detail
    assert [(line["event"], line["model"]) for line in logged] == [("model_fault", model_id)]
    assert reason in logged[0]["error"]
    assert len(standin.door.paths) == 1


async def test_the_key_is_told(url: str, standin: ChatCompletionsStandIn) -> None:
    standin._key = "sk-1"
    for key in (SecretStr("sk-1"), "sk-1"):
        async with model_at(url, api_key=key) as model:
            assert (await answered(model))[0] == "Hello there."


TOO_LONG = [
    refusal("This model's maximum context length is 8192 tokens.", "context_length_exceeded", "messages"),
    refusal("Your input exceeds the context window of this model.", "context_length_exceeded"),
    {
        "object": "error",
        "message": "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context "
        "length is 2048 tokens and your request has 1500 input tokens.",
        "code": 400,
    },
    {
        "error": {
            "code": 400,
            "message": "request (12031 tokens) exceeds the available context size (8192 tokens)",
            "type": "exceed_context_size_error",
        }
    },
    {"error": {"message": "the input length exceeds the context length", "type": "api_error"}},
]


@pytest.mark.parametrize("words", TOO_LONG)
@pytest.mark.parametrize("status", [400, 500])
async def test_a_prompt_that_is_too_long_is_told_by_every_servers_words(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, status: int, words: dict[str, Any]
) -> None:
    standin.door.fail(status, words)
    with pytest.raises(ContextTooLong):
        await answered(model)
    assert len(standin.door.paths) == 1


async def test_a_prompt_can_be_too_long_within_the_stream(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(error_after=0, error=TOO_LONG[3]["error"]))
    with pytest.raises(ContextTooLong):
        await answered(model)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_another_refusal_is_the_prompts(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, status: int
) -> None:
    standin.door.fail(status, refusal("The prompt was flagged", "content_policy_violation"))
    with pytest.raises(PromptRefused) as raised:
        await answered(model)
    assert not isinstance(raised.value, ContextTooLong)
    assert "flagged" not in raised.value.detail
    assert len(standin.door.paths) == 1


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "data: <html>\n\n",
        "data: [1]\n\n",
        "data: null\n\n",
        'data: {"choices": 5}\n\n',
        'data: {"choices": [5]}\n\n',
        'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        'data: {"choices": [{"delta": {"tool_calls": [5]}}]}\n\n',
        "data: \xff\n\n",
    ],
)
async def test_an_answer_of_another_form_is_a_failure(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn, body: str
) -> None:
    standin.door.fail(200, body, {"content-type": "text/event-stream"})
    text, _failure = await failed(model)
    assert text == ""


async def test_a_server_that_is_not_there_is_a_passing_failure() -> None:
    async with model_at("http://127.0.0.1:9/v1") as model:
        with capture_logs() as logged:
            _text, failure = await failed(model)
    assert failure.passing
    assert "127.0.0.1" not in failure.detail
    assert "127.0.0.1:9" in logged[0]["error"]


async def test_a_call_that_is_cancelled_while_it_waits_is_hung_up(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(hold_after=2))
    call = asyncio.create_task(answered(model))
    assert await happens(standin.held)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await happens(standin.hung_up)


async def test_a_call_that_is_cancelled_before_the_server_answers_is_hung_up(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.door.hang()
    call = asyncio.create_task(answered(model))
    assert await happens(standin.door.hanging)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await happens(standin.door.left)


async def test_an_iteration_that_is_closed_between_pieces_is_hung_up(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(hold_after=2))
    async with aclosing(model.stream(QUESTION)) as chunks:
        assert (await anext(chunks)).text == "Hello"
    assert await happens(standin.hung_up)


async def test_a_stream_that_paused_goes_on(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(hold_after=2))
    call = asyncio.create_task(answered(model))
    assert await happens(standin.held)
    standin.release()
    assert (await call)[0] == "Hello there."


async def test_calls_without_tls_have_a_connection_each(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    """Servers of one's own close connections that they promised to keep: a call on one of those would fail."""
    for _turn in range(5):
        await answered(model)
    assert len(standin.callers) == 5


async def test_so_many_streams_as_there_are_connections_run_at_once(
    url: str, standin: ChatCompletionsStandIn
) -> None:
    standin.usual = Script(hold_after=1)
    async with model_at(url, connections=150) as model:
        calls = [asyncio.create_task(answered(model)) for _number in range(150)]
        for _call in calls:
            assert await happens(standin.held)
        standin.release()
        assert {text for text, _last in await asyncio.gather(*calls)} == {"Hello there."}


async def test_settings_choose_the_model(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    described = ModelSettings(name="small", provider="openai_compatible", model="smollm2", base_url=url)
    model = default_model(Settings(chat=ChatSettings(models=(described,), model="small")))
    assert isinstance(model, OpenAICompatibleModel)
    assert (await answered(model))[0] == "Hello there."
    await model.close()
