"""Answers in the making: each belongs to the platform, and any number of readers follow it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from src.domains.chat.models import MessageStatus
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.masking import restored
from src.domains.chat.services.ports import ToolCall, Usage
from src.shared.exceptions.errors import NotAuthenticated, PlatformError
from src.shared.middleware.authentication import Principal

HEARTBEAT_SECONDS = 15.0
FRAME_SECONDS = 0.05
"""How long text is gathered for whoever follows an answer: nobody reads faster, and each event costs as much as
all else that is done for a token. The first text goes out at once."""


@dataclass(frozen=True)
class StreamEvent:
    """One event of a stream. `offset` is how many characters of the answer are out by then."""

    name: str
    data: dict[str, Any]
    offset: int


@dataclass
class Generation:
    """One answer as far as it has come. Changed by whoever makes or mirrors it, read by streams.

    Its text only grows, so that a reader needs no more than the number of characters it has. Its own user is shown
    what its placeholders stand for (`masked`); offsets count the text as it is saved.
    """

    session_id: UUID
    question_id: UUID
    message_id: UUID
    asker: Principal | None = None
    """For whom this process writes it; none when another process does."""
    text: str = ""
    citations: Sequence[Citation] = ()
    grounded: bool = False
    model: str | None = None
    failed_models: Sequence[str] = ()
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    asked_tools: Sequence[ToolCall] = ()
    """Tools of a program's own that it is to call now."""
    usage: Usage = field(default_factory=Usage)
    budget: dict[str, Any] | None = None
    """How its asker stands with the budget of which the least is left, once it has ended."""
    finish_reason: str | None = None
    searched_for: str | None = None
    status: MessageStatus = "pending"
    error: PlatformError | None = None
    is_stopped: bool = False
    is_blocked: bool = False
    masked: Mapping[str, str] = field(default_factory=dict)
    task: "asyncio.Task[None] | None" = None
    """Writes it; none when another process does, and when nothing is left to be cut off."""
    revision: int = 0
    """Grows with everything that is shown."""
    _is_left: bool = False
    _told_revision: int = 0
    _frame: asyncio.TimerHandle | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def outcome(self) -> MessageStatus:
        """What has become of it, once nothing is left to be written."""
        if self.error:
            return "interrupted" if self.error.code == "interrupted" else "failed"
        if self.is_blocked:
            return "blocked"
        return "stopped" if self.is_stopped else "completed"

    @property
    def shown(self) -> str:
        """The text as its own user is shown it."""
        return restored(self.text, self.masked)

    def release(self, text: str) -> None:
        """Show more of the answer."""
        if text:
            self.text += text
            self.revision += 1
            if not self._frame:
                self._begin_frame()

    def show_tool(self, call: dict[str, Any], number: int | None = None) -> int:
        """Show a call of a tool, or under its number what has become of it; return the number."""
        number = len(self.tool_calls) if number is None else number
        self.tool_calls[number : number + 1] = [call]
        self._notify()
        return number

    def end(self, status: MessageStatus) -> None:
        self.status = status
        self._ended.set()
        self._notify()

    def stop(self) -> None:
        """Cut the answer off where it is; its writer saves that."""
        if self.task:
            self.is_stopped = True
            self.task.cancel()

    def look_again(self) -> None:
        """Have all readers look whether they may still read; nothing is written for an account that is closed."""
        if self.asker and self.asker.is_closed:
            self.stop()
        self._wake()
        waiting, self._ended = self._ended, asyncio.Event()
        waiting.set()

    def leave(self) -> None:
        """Send all readers away: this server is stopping, and they can come back to read on."""
        self._is_left = True
        self._notify()

    async def begin(self, reader: Principal) -> None:
        """Return when there is something to show, when the answer has ended, or when a heartbeat is due.

        Raise when the reader may read no longer.
        """
        while self.status == "pending" and not self.revision and not self._is_left:
            if not await _set_soon(self._changed):
                return
            _check(reader)

    async def wait(self, reader: Principal) -> None:
        """Return when the answer has ended, well or not; raise when the reader may read no longer."""
        while self.status == "pending":
            await self._ended.wait()
            _check(reader)

    async def follow(self, reader: Principal, offset: int = 0) -> AsyncIterator[StreamEvent | None]:
        """Yield what comes after `offset` characters, then exactly one `end`; None asks for a heartbeat.

        A reader who may read no longer, because they signed out or their rights are others, gets an `error` and
        the `end`, and nothing more of the answer.

        A reader who has more than there is in the end, because a server broke down before it was saved, is
        told to begin again with `reset`. Without an `end`, the reader is to come back.
        """
        ids = {
            "session_id": self.session_id,
            "message_id": self.message_id,
            "user_message_id": self.question_id,
        }
        yield StreamEvent("message", {key: str(value) for key, value in ids.items()}, offset)
        shown: list[dict[str, Any]] = []
        while not self._is_left or self.status != "pending":
            if refusal := reader.refusal():
                for event in self._refused(refusal, offset):
                    yield event
                return
            changed, ended, news = self._changed, self.status != "pending", self.text[offset:]
            for call in self._tool_news(shown):
                yield StreamEvent("tool", call, offset)
            if news:
                shown_news = restored(self.text, self.masked, offset)
                offset += len(news)
                yield StreamEvent("delta", {"text": shown_news}, offset)
            elif ended:
                for event in self._closing_events(offset):
                    yield event
                return
            elif not await _set_soon(changed):
                yield None

    def _refused(self, refusal: NotAuthenticated, offset: int) -> list[StreamEvent]:
        told = {"code": NotAuthenticated.code, "detail": refusal.detail}
        return [
            StreamEvent("error", told, offset),
            StreamEvent("end", {"status": self.status}, offset),
        ]

    def _tool_news(self, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return calls of tools that the reader has not seen as they are now, each with its number."""
        news = [
            {"number": number, **call}
            for number, call in enumerate(self.tool_calls)
            if shown[number : number + 1] != [call]
        ]
        shown[:] = self.tool_calls
        return news

    def _closing_events(self, offset: int) -> list[StreamEvent]:
        events = []
        if offset > len(self.text):
            offset = len(self.text)
            events.append(StreamEvent("reset", {"text": self.shown}, offset))
        if self.error:
            events.append(
                StreamEvent("error", {"code": self.error.code, "detail": self.error.detail}, offset)
            )
        else:
            citations = [citation.model_dump() for citation in self.citations]
            events.append(StreamEvent("citations", {"citations": citations}, offset))
            events.append(StreamEvent("completed", self._completed(), offset))
        return [*events, StreamEvent("end", {"status": self.status}, offset)]

    def _completed(self) -> dict[str, Any]:
        return {
            "message_id": str(self.message_id),
            "usage": vars(self.usage),
            "budget": self.budget,
            "grounded": self.grounded,
            "finish_reason": self.finish_reason,
            "model": self.model,
            "failed_models": list(self.failed_models),
        }

    def _begin_frame(self) -> None:
        self._wake()
        self._frame = asyncio.get_running_loop().call_later(FRAME_SECONDS, self._end_frame)

    def _end_frame(self) -> None:
        self._frame = None
        if self.revision > self._told_revision:
            self._begin_frame()

    def _notify(self) -> None:
        self.revision += 1
        self._wake()

    def _wake(self) -> None:
        """Wake whoever follows; who comes back for more waits for the next change."""
        self._told_revision = self.revision
        self._changed.set()
        self._changed = asyncio.Event()


async def _set_soon(changed: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await changed.wait()
    except TimeoutError:
        return False
    return True


def _check(reader: Principal) -> None:
    if refusal := reader.refusal():
        raise refusal
