"""A stand-in for a server that speaks OpenAI's API, and a model there."""

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.types import Receive, Scope, Send

from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel
from tests.standins.chat_completions import ChatCompletionsStandIn
from tests.standins.serving import serving
from tests.unit.infrastructure.llm.openai_compatible.asking import model_at


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
