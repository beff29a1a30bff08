"""Chat models of a server that speaks OpenAI's API, asked through OpenAI's own library."""

from typing import Any

import pytest

from src.domains.chat.services.ports import (
    ModelChunk,
    Prompt,
    PromptMessage,
    PromptRefused,
    ToolCall,
    ToolSpec,
    Usage,
)
from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, called, refusal, said
from tests.unit.infrastructure.llm.openai_compatible.asking import QUESTION, answered

SEARCH = ToolSpec(
    "search", "Finds passages.", {"type": "object", "properties": {"query": {"type": "string"}}}
)
CLOCK = ToolSpec("current_time", "Tells the time.")


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
