"""Readers of event streams: plain sockets on one event loop, so that hundreds of them cost little."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_STREAM = 120
"""Seconds after which a stream that has not ended is an error of the benchmark."""


@dataclass
class Reading:
    """One request and its answer. Times in seconds; `status` is 0 when nothing was answered."""

    status: int = 0
    first: float = 0.0
    """From the request to the first piece of text."""
    longest_gap: float = 0.0
    """Between two pieces that followed one another."""
    pieces: int = 0
    seconds: float = 0.0
    """From the request to the end of the connection."""


class _Reader(asyncio.Protocol):
    """Sends a request, and looks at what comes for `mark`, which stands in every piece of text."""

    def __init__(self, request: bytes, mark: bytes, leave_after: bytes | None) -> None:
        self._request = request
        self._mark = mark
        self._leave_after = leave_after
        self.reading = Reading()
        self.ended: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of a TCP connection
        self._transport = transport
        self._begun = self._last = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now, reading = time.perf_counter(), self.reading
        if not reading.status:
            reading.status = int(data[9:12])
        if count := data.count(self._mark):
            if reading.pieces:
                reading.longest_gap = max(reading.longest_gap, now - self._last)
            else:
                reading.first = now - self._begun
            self._last = now
            reading.pieces += count
        if self._leave_after is not None and self._leave_after in data:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reading.seconds = time.perf_counter() - self._begun
        if not self.ended.done():
            self.ended.set_result(self.reading)


async def read(url: str, request: bytes, mark: bytes, *, leave_after: bytes | None = None) -> Reading:
    """Read a stream to its end, or until something has come after which its reader vanishes."""
    place = urlsplit(url)
    assert place.hostname and place.port  # noqa: S101, PT018  # of a server that was started here
    make = lambda: _Reader(request, mark, leave_after)  # noqa: E731
    transport, reader = await asyncio.get_running_loop().create_connection(make, place.hostname, place.port)
    try:
        async with asyncio.timeout(LONGEST_STREAM):
            return await reader.ended
    finally:
        transport.abort()


async def read_all(
    url: str, requests: Iterable[bytes], mark: bytes, at_once: int, *, spread: float = 0.0
) -> list[Reading]:
    """Read so many streams at once, each reader one after the other; readers begin within `spread` seconds."""
    waiting, readings = iter(requests), list[Reading]()

    async def keep_reading(number: int) -> None:
        await asyncio.sleep(number * spread / at_once)
        for request in waiting:
            readings.append(await read(url, request, mark))

    await asyncio.gather(*(keep_reading(number) for number in range(at_once)))
    return readings


class Pulse:
    """Looks again and again whether a server answers, and notes the longest wait; and that of its own loop."""

    INTERVAL = 0.02

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url)
        self.longest = 0.0
        self.own_longest = 0.0

    async def __aenter__(self) -> "Pulse":
        self._tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._watch_itself())]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        while True:
            begun = time.perf_counter()
            writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            self.longest = max(self.longest, time.perf_counter() - begun)
            await asyncio.sleep(self.INTERVAL)

    async def _watch_itself(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(self.INTERVAL)
            self.own_longest = max(self.own_longest, time.perf_counter() - begun - self.INTERVAL)


def closing(request: bytes) -> bytes:
    """Return the request so that the server closes its connection in the end."""
    head, _, body = request.partition(b"\r\n\r\n")
    return head + b"\r\nConnection: close\r\n\r\n" + body
