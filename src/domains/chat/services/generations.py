"""Answers in the making: each belongs to the platform, and any number of readers follow it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from src.domains.chat.services.citations import Citation
from src.domains.chat.services.ports import Usage
from src.shared.exceptions.errors import PlatformError

HEARTBEAT_SECONDS = 15.0

GenerationStatus = Literal["pending", "completed", "stopped", "failed", "interrupted"]


@dataclass(frozen=True)
class StreamEvent:
    """One event of a stream. `offset` is how many characters of the answer are out by then."""

    name: str
    data: dict[str, Any]
    offset: int


@dataclass
class Generation:
    """One answer as far as it has come. Changed by the turn that makes it, read by streams."""

    session_id: UUID
    question_id: UUID
    message_id: UUID
    text: str = ""
    citations: Sequence[Citation] = ()
    grounded: bool = False
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    status: GenerationStatus = "pending"
    error: PlatformError | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self, text: str) -> None:
        """Show more of the answer."""
        if text:
            self.text += text
            self._notify()

    def end(self, status: GenerationStatus) -> None:
        self.status = status
        self._ended.set()
        self._notify()

    async def wait(self) -> None:
        """Return when the answer has ended, well or not."""
        await self._ended.wait()

    async def follow(self, offset: int = 0) -> AsyncIterator[StreamEvent | None]:
        """Yield what comes after `offset` characters, then exactly one `end`; None asks for a heartbeat."""
        ids = {
            "session_id": self.session_id,
            "message_id": self.message_id,
            "user_message_id": self.question_id,
        }
        yield StreamEvent("message", {key: str(value) for key, value in ids.items()}, offset)
        while True:
            news, ended = self.text[offset:], self.status != "pending"
            if news:
                offset += len(news)
                yield StreamEvent("delta", {"text": news}, offset)
            elif ended:
                break
            elif not await self._news():
                yield None
        for event in self._closing_events(offset):
            yield event

    async def _news(self) -> bool:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _closing_events(self, offset: int) -> list[StreamEvent]:
        end = StreamEvent("end", {"status": self.status}, offset)
        if self.error:
            return [StreamEvent("error", {"code": self.error.code, "detail": self.error.detail}, offset), end]
        citations = [citation.model_dump() for citation in self.citations]
        completed = {
            "message_id": str(self.message_id),
            "usage": vars(self.usage),
            "grounded": self.grounded,
            "finish_reason": self.finish_reason,
        }
        return [
            StreamEvent("citations", {"citations": citations}, offset),
            StreamEvent("completed", completed, offset),
            end,
        ]

    def _notify(self) -> None:
        """Wake whoever follows; who comes back for more waits for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()
