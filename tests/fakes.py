"""Stand-ins for our own ports."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from src.domains.chat.services.ports import ModelChunk, Prompt, Usage


class ScriptedModel:
    """A chat model that says what it is told, as slowly as it is told, and remembers its prompts."""

    name = "scripted"

    def __init__(self, pieces: Sequence[str | Exception] = ("Hello.",)) -> None:
        self.pieces = pieces
        self.prompts: list[Prompt] = []
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def stream(self, prompt: Prompt) -> AsyncIterator[ModelChunk]:
        self.prompts.append(prompt)
        self.asked.set()
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield ModelChunk(piece)
            await self.may_go_on.wait()
        yield ModelChunk(usage=Usage(11, 7, 0.25), finish_reason="stop")
