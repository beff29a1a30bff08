"""Answers in the making, as their readers see them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

from src.domains.chat.services.generations import Generation, StreamEvent
from src.shared.middleware.authentication import Principal


async def test_the_first_text_goes_out_at_once_and_what_follows_is_gathered() -> None:
    """A reader is not woken for every token, but nobody waits for the first one, or for the end."""
    generation = Generation(uuid4(), uuid4(), uuid4())
    events = generation.follow(Principal(uuid4(), None, "user", ()))
    assert (await _next(events)).name == "message"
    generation.release("One")
    assert (await _next(events)).data == {"text": "One"}
    following = asyncio.ensure_future(_next(events))
    for text in ("", " two", " three"):  # nothing first: the reader waits by then
        generation.release(text)
        for _ in range(5):
            await asyncio.sleep(0)
    assert (await following).data == {"text": " two three"}
    generation.release(" four")
    generation.end("completed")
    assert [event.name async for event in events if event] == ["delta", "citations", "completed", "end"]


async def _next(events: AsyncIterator[StreamEvent | None]) -> StreamEvent:
    event = await anext(events)
    assert event
    return event
