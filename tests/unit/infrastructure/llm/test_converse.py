"""What prompts become for Converse, in the form and by the rules of the service."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.ports import Prompt, PromptMessage, ToolCall, ToolSpec
from src.infrastructure.llm import converse
from tests.standins.aws import Contract
from tests.standins.converse_rules import broken_rule

contract = Contract("bedrock-runtime", "ap-northeast-2")

SEARCH = ToolSpec(
    "search", "Searches documents.", {"type": "object", "properties": {"query": {"type": "string"}}}
)
QUESTION = PromptMessage("user", "How many days?")
CALLED = (
    QUESTION,
    PromptMessage("assistant", "Let me look.", (ToolCall("t1", "search", '{"query": "leave"}'),)),
    PromptMessage("tool", "15 days", tool_call_id="t1"),
)


def asked(prompt: Prompt) -> dict[str, Any]:
    """Return the request, which the service would take."""
    request = converse.request("global.anthropic.claude-sonnet-4-5-20250929-v1:0", prompt)
    assert not contract.faults(contract.shape("ConverseStreamRequest"), request)
    assert not broken_rule(request)
    json.dumps(request, allow_nan=False)
    return request


def told(*messages: PromptMessage) -> list[Any]:
    return list(asked(Prompt(messages, tools=(SEARCH,)))["messages"])


def user(*blocks: Any) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"text": each} if isinstance(each, str) else each for each in blocks],
    }


def assistant(*blocks: Any) -> dict[str, Any]:
    return {**user(*blocks), "role": "assistant"}


def test_a_question_by_itself_says_how_long_the_answer_may_be_and_nothing_else() -> None:
    request = asked(Prompt((QUESTION,), max_tokens=77))
    del request["modelId"]
    assert request == {"messages": [user("How many days?")], "inferenceConfig": {"maxTokens": 77}}


def test_what_is_wished_for_is_passed_on() -> None:
    prompt = Prompt((QUESTION,), system="Cite.", max_tokens=5, temperature=0.0, top_p=0.5, stop=("END",))
    request = asked(prompt)
    assert request["system"] == [{"text": "Cite."}]
    assert request["inferenceConfig"] == {
        "maxTokens": 5,
        "temperature": 0.0,
        "topP": 0.5,
        "stopSequences": ["END"],
    }


def test_a_temperature_above_what_converse_takes_is_its_highest() -> None:
    assert asked(Prompt((QUESTION,), temperature=1.7))["inferenceConfig"]["temperature"] == 1.0


def test_neighbours_of_one_role_are_one_message_and_blank_ones_none() -> None:
    messages = told(
        PromptMessage("user", "Hello"),
        PromptMessage("assistant", " \n"),
        PromptMessage("user", "Are you there?"),
        PromptMessage("assistant", "Yes."),
        PromptMessage("assistant", "What is it?"),
        QUESTION,
    )
    assert messages == [
        user("Hello", "Are you there?"),
        assistant("Yes.", "What is it?"),
        user("How many days?"),
    ]


def test_a_conversation_that_begins_with_an_answer_is_begun_by_the_user() -> None:
    first, *rest = told(PromptMessage("assistant", "15 days."), QUESTION)
    assert first["role"] == "user"
    assert rest == [assistant("15 days."), user("How many days?")]


def test_calls_and_their_results_are_blocks_and_results_of_one_turn_one_message() -> None:
    calls = (ToolCall("t1", "search", '{"query": "연차"}'), ToolCall("t2", "search", "{}"))
    messages = told(
        QUESTION,
        PromptMessage("assistant", "", calls),
        PromptMessage("tool", "15 days", tool_call_id="t1"),
        PromptMessage("tool", "", tool_call_id="t2"),
        PromptMessage("user", "And for me?"),
    )
    assert messages[1:] == [
        assistant(
            {"toolUse": {"toolUseId": "t1", "name": "search", "input": {"query": "연차"}}},
            {"toolUse": {"toolUseId": "t2", "name": "search", "input": {}}},
        ),
        user(
            {"toolResult": {"toolUseId": "t1", "content": [{"text": "15 days"}]}},
            {"toolResult": {"toolUseId": "t2", "content": [{"text": "(nothing)"}]}},
            "And for me?",
        ),
    ]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "5", '{"a": NaN}', "[" * 100_000])
def test_arguments_that_a_model_wrote_amiss_stand_as_they_are_in_an_object(arguments: str) -> None:
    call, result = PromptMessage("assistant", "", (ToolCall("t1", "search", arguments),)), CALLED[2]
    assert told(QUESTION, call, result)[1]["content"][0]["toolUse"]["input"] == {"arguments": arguments}


def test_ids_of_other_models_calls_are_written_in_letters_that_converse_takes() -> None:
    strange = "call/ü|" + "x" * 80
    messages = told(
        QUESTION,
        PromptMessage("assistant", "", (ToolCall(strange, "search", "{}"),)),
        PromptMessage("tool", "15 days", tool_call_id=strange),
    )
    used, result = messages[1]["content"][0]["toolUse"], messages[2]["content"][0]["toolResult"]
    assert used["toolUseId"] == result["toolUseId"] == "call___" + "x" * 57


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", {}),
        ("required", {"toolChoice": {"any": {}}}),
        ("search", {"toolChoice": {"tool": {"name": "search"}}}),
    ],
)
def test_tools_are_told_of_with_the_choice_among_them(choice: str, told: dict[str, Any]) -> None:
    config = asked(Prompt((QUESTION,), tools=(SEARCH, ToolSpec("now", "")), tool_choice=choice))["toolConfig"]
    assert config == {
        "tools": [
            {
                "toolSpec": {
                    "name": "search",
                    "description": "Searches documents.",
                    "inputSchema": {"json": SEARCH.parameters},
                }
            },
            {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object"}}}},
        ],
        **told,
    }


def test_tools_that_must_not_be_called_are_left_out_while_none_was() -> None:
    assert "toolConfig" not in asked(Prompt((QUESTION,), tools=(SEARCH,), tool_choice="none"))


@pytest.mark.parametrize(
    ("tools", "choice"), [((SEARCH,), "none"), ((), "auto"), ((), "none"), ((), "required")]
)
def test_tools_are_told_of_without_a_choice_once_one_was_called(
    tools: tuple[ToolSpec, ...], choice: str
) -> None:
    """Converse takes no calls and results otherwise."""
    config = asked(Prompt(CALLED, tools=tools, tool_choice=choice))["toolConfig"]
    assert [each["toolSpec"]["name"] for each in config["tools"]] == ["search"]
    assert "toolChoice" not in config


texts = st.sampled_from(["", " ", "\n", "Hello", "안녕", "15"]) | st.text(max_size=5)
plain = st.builds(PromptMessage, st.sampled_from(["user", "assistant"]), texts)


@st.composite
def tool_turns(draw: st.DrawFn) -> list[PromptMessage]:
    ids = draw(st.lists(st.text("abc-_.:", min_size=1, max_size=9), min_size=1, max_size=3, unique=True))
    calls = tuple(ToolCall(each, "search", draw(texts)) for each in ids)
    results = [PromptMessage("tool", draw(texts), tool_call_id=each) for each in ids]
    return [PromptMessage("assistant", draw(texts), calls), *results, PromptMessage("assistant", "Well.")]


@given(
    turns=st.lists(plain.map(lambda each: [each]) | tool_turns(), max_size=6),
    choice=st.sampled_from(["auto", "none", "required", "search"]),
)
def test_any_conversation_is_in_an_order_that_converse_takes(
    turns: list[list[PromptMessage]], choice: str
) -> None:
    messages = tuple(each for turn in turns for each in turn)
    asked(Prompt((*messages, QUESTION), tools=(SEARCH,), tool_choice=choice))
