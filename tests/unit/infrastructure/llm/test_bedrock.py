"""Chat models of Amazon Bedrock: the real boto3 client reads real frames, and its requests are checked."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from src.domains.chat.services.ports import (
    ModelChunk,
    ToolCall,
    Usage,
)
from src.infrastructure.container.models import default_model
from src.infrastructure.settings import BedrockSettings, ChatSettings, ModelSettings, Settings
from tests.standins import converse
from tests.standins.converse import CUT, RESET, ConverseStandIn, Step, message, text, tool_use
from tests.unit.infrastructure.llm.bedrock_asked import INTERNALS, MODEL, QUESTION, asking, failure, told

pytestmark = pytest.mark.usefixtures("aws_credentials")


# What comes


async def test_texts_come_as_they_are_written_then_usage_and_the_reason(
    url: str, standin: ConverseStandIn
) -> None:
    usage = {
        "inputTokens": 100,
        "outputTokens": 7,
        "totalTokens": 1_137,
        "cacheReadInputTokens": 1_000,
        "cacheWriteInputTokens": 30,
    }
    standin.answer(message(text("연차는 ", "15", "일입니다 🎉"), usage=usage))
    async with asking(url) as model:
        assert await told(model) == [
            ModelChunk("연차는 "),
            ModelChunk("15"),
            ModelChunk("일입니다 🎉"),
            ModelChunk(usage=Usage(tokens_in=1_130, tokens_out=7), finish_reason="stop"),
        ]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
    ],
)
async def test_why_a_model_stops_is_told(url: str, standin: ConverseStandIn, stop: str, reason: str) -> None:
    standin.answer(message(text("So be it."), stop=stop))
    async with asking(url) as model:
        chunks = await told(model)
    assert (chunks[0].text, chunks[-1].finish_reason) == ("So be it.", reason)


async def test_a_reason_that_is_not_known_here_ends_a_whole_answer(
    url: str, standin: ConverseStandIn
) -> None:
    headers = {":event-type": "messageStop", ":message-type": "event"}
    stop = converse.frame(headers, {"stopReason": "tired"})
    standin.answer([*message(text("Whole."), stop=None), stop, converse.metadata()])
    async with asking(url) as model:
        assert (await told(model))[-1].finish_reason == "stop"


@pytest.mark.parametrize("stop", ["malformed_model_output", "malformed_tool_use"])
async def test_an_answer_that_the_model_spoiled_is_a_failure(
    url: str, standin: ConverseStandIn, stop: str
) -> None:
    standin.answer(message(text("So "), stop=stop))
    async with asking(url) as model:
        before, failed = await failure(model)
    assert (before, failed.passing) == ("So ", True)


async def test_what_a_model_thinks_is_not_shown(url: str, standin: ConverseStandIn) -> None:
    standin.answer(message(converse.reasoning("Let me ", "see."), text("Yes.", index=1)))
    async with asking(url) as model:
        assert "".join(chunk.text for chunk in await told(model)) == "Yes."


async def test_calls_of_tools_come_whole(url: str, standin: ConverseStandIn) -> None:
    standin.answer(
        message(
            text("Let me look."),
            tool_use("search", '{"que', 'ry": "연', '차"}', tool_use_id="tooluse_A", index=1),
            tool_use("current_time", tool_use_id="tooluse_B", index=2),
            stop="tool_use",
        )
    )
    async with asking(url) as model:
        *_, last = await told(model)
    assert last.finish_reason == "tool_calls"
    assert last.tool_calls == (
        ToolCall("tooluse_A", "search", '{"query": "연차"}'),
        ToolCall("tooluse_B", "current_time", "{}"),
    )


@pytest.mark.parametrize(
    ("block", "stop", "reason", "calls"),
    [
        (tool_use("search", "{}"), "end_turn", "tool_calls", 1),
        (text("Let me look."), "tool_use", "stop", 0),
    ],
)
async def test_there_are_calls_or_there_are_none_whatever_the_model_says(
    url: str, standin: ConverseStandIn, block: list[Step], stop: str, reason: str, calls: int
) -> None:
    standin.answer(message(block, stop=stop))
    async with asking(url) as model:
        *_, last = await told(model)
    assert (last.finish_reason, len(last.tool_calls)) == (reason, calls)


async def test_a_call_that_was_cut_off_is_not_told(url: str, standin: ConverseStandIn) -> None:
    standin.answer(message(tool_use("delete", '{"folder": "/tmp'), stop="max_tokens"))
    async with asking(url) as model:
        *_, last = await told(model)
    assert (last.finish_reason, last.tool_calls) == ("length", ())


# What breaks off


def _cuttable() -> list[Any]:
    return message(text("연차는 ", "15일", "입니다", "."))


def _text_of(steps: list[Any]) -> str:
    return "".join(each for each in ("연차는 ", "15일", "입니다", ".")[: max(0, len(steps) - 1)])


@pytest.mark.parametrize("ending", ["cut", "silent"])
@pytest.mark.parametrize("at", range(len(_cuttable()) - 1))
async def test_a_stream_that_ends_before_its_end_is_a_failure_after_the_text_that_came(
    url: str, standin: ConverseStandIn, at: int, ending: str
) -> None:
    """At every frame up to messageStop, the last but one."""
    before = _cuttable()[:at]
    standin.answer([*before, CUT] if ending == "cut" else before)
    async with asking(url) as model:
        shown, failed = await failure(model)
    assert (shown, failed.passing) == (_text_of(before), True)
    assert len(standin.door.paths) == 1


@given(texts=st.lists(st.text(min_size=1, max_size=20), max_size=5), data=st.data())
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_a_cut_at_any_byte_shows_the_frames_that_came_whole(
    url: str, standin: ConverseStandIn, texts: list[str], data: st.DataObject
) -> None:
    frames = message(text(*texts))
    written = b"".join(frames)
    at = data.draw(st.integers(0, len(written) - 1))
    whole = 0
    while sum(map(len, frames[: whole + 1])) <= at:
        whole += 1
    standin.answer([*([written[:at]] if at else []), CUT])
    async with asking(url) as model:
        if whole == len(frames) - 1:  # all but the usage
            assert "".join(chunk.text for chunk in await told(model)) == "".join(texts)
        else:
            shown, failed = await failure(model)
            assert (shown, failed.passing) == ("".join(texts[: max(0, whole - 1)]), True)


async def test_a_connection_that_is_reset_is_a_failure(url: str, standin: ConverseStandIn) -> None:
    standin.answer([*message(text("Hel", "lo"))[:2], RESET])
    async with asking(url) as model:
        assert (await failure(model))[1].passing


@pytest.mark.parametrize(
    "frame",
    [
        converse.exception("throttlingException", INTERNALS),
        converse.exception("modelStreamErrorException", INTERNALS),
        converse.exception("internalServerException", INTERNALS),
        converse.exception("serviceUnavailableException", INTERNALS),
        converse.exception("modelTimeoutException", INTERNALS),
        converse.exception("newException", INTERNALS),
        converse.error("InternalFailure", INTERNALS),
    ],
    ids=lambda frame: frame.split(b"exception-type")[-1][3:25].decode("ascii", "ignore"),
)
async def test_an_exception_within_the_stream_passes(
    url: str, standin: ConverseStandIn, frame: bytes
) -> None:
    standin.answer([*message(text("Hel", "lo"))[:2], frame])
    async with asking(url) as model:
        before, failed = await failure(model)
    assert (before, failed.passing) == ("Hel", True)
    assert len(standin.door.paths) == 1


async def test_a_frame_that_was_spoiled_on_its_way_is_not_shown(url: str, standin: ConverseStandIn) -> None:
    frames = message(text("Hel", "lo"))
    async with asking(url) as model:
        for at in range(len(frames[2])):
            standin.answer([*frames[:2], converse.corrupted(frames[2], at), *frames[3:]])
            before, failed = await failure(model)
            assert (before, failed.passing) == ("Hel", True), at


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("contentBlockDelta", b"{}"),
        ("contentBlockDelta", b"[]"),
        ("contentBlockDelta", b"no JSON"),
        ("contentBlockDelta", b"\xff"),
        ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": null}'),
        ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": {"text": 5}}'),
        ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": {"text": "a", "citation": {}}}'),
        ("contentBlockDelta", b'{"contentBlockIndex": 7, "delta": {"toolUse": {"input": "{}"}}}'),
        ("contentBlockStart", b'{"contentBlockIndex": 0, "start": {"toolUse": {"name": "search"}}}'),
        ("messageStop", b"{}"),
    ],
)
async def test_an_event_that_has_not_its_form_is_a_failure(
    url: str, standin: ConverseStandIn, kind: str, payload: bytes
) -> None:
    malformed = converse.frame({":event-type": kind, ":message-type": "event"}, payload)
    frames = message(text("Hel", "lo"))
    standin.answer([*frames[:2], malformed, *frames[2:]])
    async with asking(url) as model:
        before, failed = await failure(model)
    assert (before, failed.passing) == ("Hel", False)


async def test_events_and_deltas_that_are_new_are_passed_over(url: str, standin: ConverseStandIn) -> None:
    headers = {":event-type": "contentBlockDelta", ":message-type": "event"}
    new = [
        converse.frame({**headers, ":event-type": "newEvent"}, b"{}"),
        converse.frame(headers, {"contentBlockIndex": 0, "delta": {"newDelta": {"a": 1}}}),
    ]
    frames = message(text("Hel", "lo"))
    standin.answer([*frames[:2], *new, *frames[2:]])
    async with asking(url) as model:
        assert "".join(chunk.text for chunk in await told(model)) == "Hello"


@pytest.mark.parametrize(
    "ending",
    [
        [],
        [CUT],
        [converse.exception("throttlingException", "late")],
        [converse.corrupted(converse.metadata())],
        [converse.frame({":event-type": "metadata", ":message-type": "event"}, b"{}")],
    ],
    ids=["silent", "cut", "exception", "corrupted", "malformed"],
)
async def test_an_answer_that_lacks_nothing_but_its_usage_is_whole(
    url: str, standin: ConverseStandIn, ending: list[Any]
) -> None:
    standin.answer([*message(text("Whole."))[:-1], *ending])
    async with asking(url) as model:
        assert await told(model) == [ModelChunk("Whole."), ModelChunk(finish_reason="stop")]


# What settings name


async def test_settings_name_a_model_of_bedrock(url: str, standin: ConverseStandIn, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        bedrock=BedrockSettings(endpoint_url=url),
        chat=ChatSettings(
            models=(ModelSettings(name="sonnet", provider="bedrock", model=MODEL),), model="sonnet"
        ),
    )
    model = default_model(settings)
    try:
        assert "".join([chunk.text async for chunk in model.stream(QUESTION)]) == "I am a model."
    finally:
        await model.close()
    assert standin.calls[0].model == MODEL


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-3-haiku-20240307-v1:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:ap-northeast-2:123456789012:application-inference-profile/a1b2c3d4e5f6",
    ],
)
async def test_models_and_profiles_are_named_as_they_are(
    url: str, standin: ConverseStandIn, model: str
) -> None:
    async with asking(url, model) as bedrock:
        await told(bedrock)
        assert bedrock.name == model
    assert standin.calls[0].model == model
