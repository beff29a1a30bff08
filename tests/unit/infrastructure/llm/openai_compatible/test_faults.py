"""What goes wrong with a server that speaks OpenAI's API, and how calls of it end."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from src.domains.chat.services.ports import (
    ContextTooLong,
    PromptRefused,
    Usage,
)
from src.infrastructure.container.models import default_model
from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, refusal
from tests.standins.serving import serving
from tests.unit.infrastructure.llm.openai_compatible.asking import (
    QUESTION,
    answered,
    failed,
    happens,
    model_at,
)
from tests.web import CERTIFICATE

WHOLE = Script()


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
    assert [(line["event"], line["model"]) for line in logged] == [("model_failed", model_id)]
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
    standin.scripts.append(Script(hold_after=[2]))
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
    standin.scripts.append(Script(hold_after=[2]))
    async with aclosing(model.stream(QUESTION)) as chunks:
        assert (await anext(chunks)).text == "Hello"
    assert await happens(standin.hung_up)


async def test_a_stream_that_paused_goes_on(
    model: OpenAICompatibleModel, standin: ChatCompletionsStandIn
) -> None:
    standin.scripts.append(Script(hold_after=[2]))
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


async def test_calls_with_tls_share_a_connection(
    standin: ChatCompletionsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shaking hands anew would take two ways to the server and back."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setattr(socket, "getaddrinfo", partial(here, socket.getaddrinfo))
    with serving(standin.door, certificate=CERTIFICATE) as address:
        async with model_at(address.replace("127.0.0.1", "wiki.example") + "/v1") as model:
            for _turn in range(5):
                await answered(model)
    assert len(standin.callers) == 1


def here(look_up: Callable[..., Any], _host: Any, *place: Any, **more: Any) -> Any:
    """Look this machine up, whatever the name."""
    return look_up("127.0.0.1", *place, **more)


async def test_so_many_streams_as_there_are_connections_run_at_once(
    url: str, standin: ChatCompletionsStandIn
) -> None:
    standin.usual = Script(hold_after=[1])
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
