"""Asking a model of a stand-in for a server that speaks OpenAI's API."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from src.domains.chat.services.ports import (
    ModelChunk,
    ModelFailed,
    Prompt,
    PromptMessage,
)
from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel

QUESTION = Prompt((PromptMessage("user", "How many days of leave do I have?"),))


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
