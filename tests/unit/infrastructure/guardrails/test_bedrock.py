"""Bedrock's guardrail, asked through boto3; requests and answers are checked against the service's model."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from src.domains.chat.services.guardrail import GuardrailUnavailable, Judgement
from src.infrastructure.guardrails.bedrock import BedrockModerator
from src.infrastructure.outside.places import AwsPlace
from tests.standins.bedrock_guardrail import BLOCKED, GUARDRAIL, BedrockGuardrailStandIn
from tests.standins.serving import serving

pytestmark = pytest.mark.usefixtures("aws_credentials")


@pytest.fixture
def standin() -> BedrockGuardrailStandIn:
    return BedrockGuardrailStandIn()


@pytest.fixture
def url(standin: BedrockGuardrailStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield address


@asynccontextmanager
async def asking(
    url: str, version: str = "1", *, seconds: float = 5.0, fails_open: bool = False
) -> AsyncIterator[BedrockModerator]:
    place = AwsPlace("ap-northeast-2", url)
    moderator = BedrockModerator(GUARDRAIL, version, place, seconds=seconds, fails_open=fails_open)
    try:
        yield moderator
    finally:
        await moderator.close()


async def test_a_text_is_let_through_masked_or_blocked(url: str, standin: BedrockGuardrailStandIn) -> None:
    async with asking(url) as moderator:
        assert await moderator.judge("Hello.", "input") == Judgement("Hello.", None, {})
        masked = Judgement("Ask {NAME} or {NAME}.", "mask", {"NAME": 2})
        assert await moderator.judge("Ask Alice or Alice.", "output") == masked
        found = {"CUSTOM_WORD": 1, "Gambling": 1, "NAME": 1}
        blocked = await moderator.judge("Alice plays forbidden poker.", "input")
        assert blocked == Judgement(BLOCKED, "block", found)
        assert await moderator.judge("  ", "input") == Judgement("  ", None, {})
    assert [source for source, _text in standin.asked] == ["INPUT", "OUTPUT", "INPUT"]


async def test_a_long_text_is_judged_in_pieces_and_comes_back_whole(
    url: str, standin: BedrockGuardrailStandIn
) -> None:
    text = "word " * 9_000 + "Alice"
    async with asking(url) as moderator:
        assert (await moderator.judge(text, "input")).text == text.replace("Alice", "{NAME}")
    assert len(standin.asked) == 3


async def test_a_passing_fault_is_got_over(url: str, standin: BedrockGuardrailStandIn) -> None:
    standin.door.fail(429, {"message": "slow"}, {"x-amzn-errortype": "ThrottlingException"})
    async with asking(url) as moderator:
        assert (await moderator.judge("Alice", "input")).action == "mask"


@pytest.mark.parametrize("fault", ["hangs", "fails", "is unknown"])
async def test_without_an_answer_a_text_is_refused_or_let_through_as_it_is_set(
    url: str, standin: BedrockGuardrailStandIn, fault: str
) -> None:
    def break_down() -> None:
        if fault == "hangs":
            standin.door.hang()
        elif fault == "fails":
            standin.door.fail(500, "broken", times=20)

    version = "7" if fault == "is unknown" else "1"
    break_down()
    async with asking(url, version, seconds=0.5) as moderator:
        with pytest.raises(GuardrailUnavailable) as refusal:
            await moderator.judge("Alice", "input")
    assert refusal.value.status == 503
    assert "Alice" not in refusal.value.detail
    standin.door.recover()
    break_down()
    async with asking(url, version, seconds=0.5, fails_open=True) as moderator:
        assert await moderator.judge("Alice", "input") == Judgement("Alice")
