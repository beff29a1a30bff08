"""How tests of Bedrock's models ask them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from src.domains.chat.services.ports import ModelChunk, ModelFailed, Prompt, PromptMessage
from src.infrastructure.llm.bedrock import BedrockModel
from src.infrastructure.outside.places import AwsPlace

MODEL = "apac.anthropic.claude-sonnet-4-20250514-v1:0"
QUESTION = Prompt((PromptMessage("user", "How many days of leave?"),))
INTERNALS = "arn:aws:bedrock:ap-northeast-2:123456789012:secret"


@asynccontextmanager
async def asking(
    url: str,
    model: str = MODEL,
    *,
    connections: int = 2,
    silence: float = 60.0,
    region: str = "ap-northeast-2",
) -> AsyncIterator[BedrockModel]:
    """Yield the model; afterwards no thread of it may be left."""
    bedrock = BedrockModel(model, AwsPlace(region, url), connections=connections, silence=silence)
    try:
        yield bedrock
    finally:
        await bedrock.close()
        assert await asyncio.to_thread(threads_end)


def threads_end() -> bool:
    threads = [each for each in threading.enumerate() if each.name.startswith("bedrock-runtime-stream")]
    for thread in threads:
        thread.join(5)
    return not any(thread.is_alive() for thread in threads)


async def told(model: BedrockModel, prompt: Prompt = QUESTION) -> list[ModelChunk]:
    return [chunk async for chunk in model.stream(prompt)]


async def failure(model: BedrockModel, prompt: Prompt = QUESTION) -> tuple[str, ModelFailed]:
    """Return the text before the failure, and the failure."""
    texts: list[str] = []
    with pytest.raises(ModelFailed) as caught:
        await _collect(model.stream(prompt), texts)
    assert INTERNALS not in caught.value.detail
    return "".join(texts), caught.value


async def _collect(chunks: AsyncIterator[ModelChunk], texts: list[str]) -> None:
    async for chunk in chunks:
        texts.append(chunk.text)  # noqa: PERF401  # what came before an error counts


async def happens(event: threading.Event) -> bool:
    return await asyncio.to_thread(event.wait, 10)
