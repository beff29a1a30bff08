"""Readers of event streams that leave when they like: each is a connection of its own to a platform's door."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from tests.builders import Person


@dataclass(frozen=True)
class Told:
    """One event as it came; `id` is the number of characters that are out by then."""

    name: str
    data: dict[str, Any]
    id: int


class Stream:
    """A stream as it comes in."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.begun = asyncio.Event()
        self._blocks: asyncio.Queue[str | None] = asyncio.Queue()
        self._rest = ""

    async def take(self, message: Mapping[str, Any]) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            self.begun.set()
            return
        *blocks, self._rest = (self._rest + message.get("body", b"").decode()).split("\n\n")
        for block in blocks:
            self._blocks.put_nowait(block)
        if not message.get("more_body"):
            self._blocks.put_nowait(None)

    async def block(self) -> str | None:
        """Return the next event as it was written; None when the stream has ended."""
        async with asyncio.timeout(20):
            return await self._blocks.get()

    async def events(self) -> AsyncIterator[Told]:
        """Yield the events until the stream ends."""
        while (block := await self._blocks.get()) is not None:
            if told := told_in(block):
                yield told

    def available(self, most: int) -> list[Told]:
        """Return the next events, as far as they have come."""
        told: list[Told] = []
        while len(told) < most and not self._blocks.empty():
            if (block := self._blocks.get_nowait()) is not None and (event := told_in(block)):
                told.append(event)
        return told

    async def next(self) -> Told:
        """Return the next event."""
        async with asyncio.timeout(20):
            return await anext(self.events())


def told_in(block: str) -> Told | None:
    """Return the event of a block, None for a comment."""
    fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
    if "event" not in fields:
        return None
    return Told(fields["event"], json.loads(fields["data"]), int(fields["id"]))


@asynccontextmanager
async def opened(
    app: FastAPI,
    person: Person,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Stream]:
    """Open a stream, and break the connection off on leaving. A path is below `/api/v1` or `/v1`."""
    path = path if path.startswith("/v1/") else f"/api/v1{path}"
    content = b"" if body is None else json.dumps(body).encode()
    sent = {
        "authorization": f"Bearer {person.tokens['access_token']}",
        "content-type": "application/json",
        "content-length": str(len(content)),
        **(headers or {}),
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(key.encode(), value.encode()) for key, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("platform", 80),
    }
    stream, left, is_sent = Stream(), asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            return {"type": "http.request", "body": content, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if not left.is_set():
            await stream.take(message)

    serving = asyncio.create_task(app(scope, receive, send))
    try:
        yield stream
    finally:
        left.set()
        await serving
