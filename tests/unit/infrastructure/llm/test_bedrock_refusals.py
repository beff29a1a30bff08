"""Calls that Bedrock refuses: whether they may be made again, and what people are told."""

from dataclasses import replace

import pytest

from src.domains.chat.services.ports import (
    ContextTooLong,
    ModelFailed,
    PromptRefused,
)
from tests.standins import converse
from tests.standins.converse import ConverseStandIn
from tests.unit.infrastructure.llm.bedrock_asked import INTERNALS, QUESTION, asking, failure, told

pytestmark = pytest.mark.usefixtures("aws_credentials")


@pytest.mark.parametrize(
    ("code", "passing"),
    [
        ("ThrottlingException", True),
        ("ModelNotReadyException", True),
        ("ModelTimeoutException", True),
        ("ModelErrorException", True),
        ("InternalServerException", True),
        ("ServiceUnavailableException", True),
        ("AccessDeniedException", False),
        ("ResourceNotFoundException", False),
    ],
)
async def test_a_refusal_is_told_at_once_and_whether_it_passes(
    url: str, standin: ConverseStandIn, code: str, passing: bool
) -> None:
    standin.refuse(code, INTERNALS)
    async with asking(url) as model:
        before, failed = await failure(model)
    assert (before, failed.passing, failed.retry_after) == ("", passing, None)
    assert len(standin.door.paths) == 1


async def test_when_to_come_back_is_told(url: str, standin: ConverseStandIn) -> None:
    standin.refuse("ThrottlingException", "Too many tokens", retry_after=7)
    async with asking(url) as model:
        assert (await failure(model))[1].retry_after == 7


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (403, "ExpiredTokenException", False),
        (403, "UnrecognizedClientException", False),
        (403, "InvalidSignatureException", False),
        (500, "", True),
        (502, "", True),
        (503, "", True),
        (504, "", True),
        (200, "", True),
    ],
)
async def test_answers_that_are_not_converses_own(
    url: str, standin: ConverseStandIn, status: int, code: str, passing: bool
) -> None:
    async with asking(url) as model:
        for body in ("", "<html>down</html>", '{"message": "no"}'):
            standin.door.fail(status, body, {"x-amzn-errortype": code} if code else {})
            assert (await failure(model))[1].passing is passing, body


TOO_LONG = [
    "Input is too long for requested model.",
    "The model returned the following errors: prompt is too long: 211532 tokens > 200000 maximum",
    "The model returned the following errors: input length and `max_tokens` exceed context limit: "
    "197202 + 21333 > 200000, decrease input length or `max_tokens` and try again",
    "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum "
    "length. Please update the input to try again.",
    "The model returned the following errors: This model's maximum context length is 131072 tokens. "
    "Please reduce the length of the prompt",
    "400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: 10000",
    "too many total text bytes: 9000000 > 8000000",
    "too many total text tokens",
    "too many tokens: size limit exceeded by 1000 tokens",
    "The input token count (200000) exceeds the maximum number of tokens allowed (131072).",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Range of input length should be [1, 258048]",
    "Malformed input request: expected maxLength: 20000000, actual: 30000000, please reformat your input",
]
REFUSED = [
    "messages.1.content.0: this is not taken",
    "The model returned the following errors: stop_sequences: each must contain non-whitespace",
    "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
]
UNUSABLE = [
    "The provided model identifier is invalid.",
    "Invocation of model ID anthropic.claude with on-demand throughput isn't supported. Retry your request with "
    "the ID or ARN of an inference profile that contains this model.",
    "The maximum tokens you requested exceeds the model limit of 4096. Try again with a maximum tokens value "
    "that is lower than 4096.",
    "This model doesn't support tool use in streaming mode.",
    "Operation not allowed",
]


@pytest.mark.parametrize(
    ("reasons", "kind"), [(TOO_LONG, ContextTooLong), (REFUSED, PromptRefused), (UNUSABLE, ModelFailed)]
)
async def test_why_a_prompt_is_not_valid_is_understood(
    url: str, standin: ConverseStandIn, reasons: list[str], kind: type[Exception]
) -> None:
    """Some models say it before the stream, some within."""
    async with asking(url) as model:
        for why in reasons:
            standin.refuse("ValidationException", why)
            standin.answer([converse.exception("validationException", why)])
            for _ in ("before", "within"):
                with pytest.raises((ModelFailed, PromptRefused)) as caught:
                    await told(model)
                assert type(caught.value) is kind, why
                assert why not in caught.value.detail
                assert not getattr(caught.value, "passing", False)


async def test_a_prompt_that_boto3_does_not_send_is_refused(url: str, standin: ConverseStandIn) -> None:
    async with asking(url) as model:
        with pytest.raises(PromptRefused):
            await told(model, replace(QUESTION, stop=("",)))
    assert standin.door.paths == []


async def test_a_region_that_does_not_let_us_in_is_told(url: str, standin: ConverseStandIn) -> None:
    async with asking(url, region="us-east-1") as model:
        assert not (await failure(model))[1].passing
    assert standin.calls == []


async def test_credentials_that_come_later_are_found(
    url: str, standin: ConverseStandIn, no_aws_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking(url) as model:
        assert not (await failure(model))[1].passing
        assert standin.door.paths == []
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        assert await told(model)


async def test_a_service_that_is_not_there_may_come_back() -> None:
    async with asking("http://127.0.0.1:9") as model:
        assert (await failure(model))[1].passing
