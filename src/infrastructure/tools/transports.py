"""How an MCP server is reached: a process of this machine by its standard streams, or streamable HTTP."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TextIO

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from src.infrastructure.tools.mcp import McpLimits, McpServer

_SILENCE_SECONDS = 300.0
"""How much longer than a call may take an HTTP server may send nothing on a stream that is open."""


class LastWords(asyncio.Protocol):
    """The end of what a process wrote to its standard error; the rest is read and forgotten."""

    def __init__(self, size: int = 2_000) -> None:
        self._size = size
        self._bytes = b""

    @property
    def text(self) -> str:
        return self._bytes.decode(errors="replace").strip()

    def data_received(self, data: bytes) -> None:
        self._bytes = (self._bytes + data)[-self._size :]

    @asynccontextmanager
    async def file(self) -> AsyncIterator[TextIO]:
        """Give what the process shall write to."""
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as file, os.fdopen(reading, "rb", buffering=0) as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: self, pipe)
            try:
                yield file
            finally:
                transport.close()


def transport_to(
    server: McpServer, limits: McpLimits, last_words: LastWords
) -> AbstractAsyncContextManager[TransportStreams]:
    """Return the way to the server; entering it starts its process, if it is one."""
    return _process(server, last_words) if server.command else _http(server, limits)


@asynccontextmanager
async def _process(server: McpServer, last_words: LastWords) -> AsyncIterator[TransportStreams]:
    """Run the server; it gets a few harmless variables (`PATH`, `HOME`) beside its own, and none of ours."""
    parameters = StdioServerParameters(command=server.command, args=list(server.args), env=dict(server.env))
    async with last_words.file() as errors, stdio_client(parameters, errors) as streams:
        yield streams


@asynccontextmanager
async def _http(server: McpServer, limits: McpLimits) -> AsyncIterator[TransportStreams]:
    silence = limits.call_seconds + _SILENCE_SECONDS
    client = httpx2.AsyncClient(
        headers={**server.headers, "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(limits.connect_seconds, read=silence),
        event_hooks={"response": [_bounding(limits.answer_bytes)]},
    )
    async with client, streamable_http_client(server.url, http_client=client) as streams:
        yield streams


def _bounding(size: int) -> Callable[[httpx2.Response], object]:
    """Return what bounds an answer's body; the SDK itself bounds the events of a stream."""

    async def bound(response: httpx2.Response) -> None:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101  # the client is async
            response.stream = _Bounded(response.stream, size)

    return bound


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, size: int) -> None:
        self._stream = stream
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._size
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.StreamError(f"the answer is longer than {self._size:,} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
