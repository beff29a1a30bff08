"""A chat model that costs nothing: what a turn takes without one is measured with it."""

from collections.abc import AsyncGenerator

from src.domains.chat.services.ports import ModelChunk, Prompt, Usage

WORDS = ("This ", "is ", "no ", "answer.")


class NullModel:
    """Implements `ChatModel`: says the same few words at once."""

    name = "null"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        for word in WORDS:
            yield ModelChunk(word)
        yield ModelChunk(usage=Usage(tokens_out=len(WORDS)), finish_reason="stop")

    async def close(self) -> None:
        pass
