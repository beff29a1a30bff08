"""Load without wrk: plain sockets on one event loop. It takes more of the machine than wrk does."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle


class Broken(Exception):
    """The connection is of no further use."""


async def send(
    host: str | None,
    port: int | None,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    longest: float,
) -> tuple[list[int], float, int]:
    """Return the latency of each answer in microseconds, how many seconds it took, and the errors.

    An answer that takes more than `longest` seconds is an error.
    """
    started = time.perf_counter()
    client = _Client(host, port, cycle(requests), started + seconds, longest)
    await asyncio.gather(*(client.keep_busy() for _ in range(connections)))
    return client.latencies, time.perf_counter() - started, client.errors


class _Client:
    def __init__(
        self, host: str | None, port: int | None, requests: Iterator[bytes], end: float, longest: float
    ) -> None:
        self._host = host
        self._port = port
        self._requests = requests
        self._end = end
        self._longest = longest
        self.latencies: list[int] = []
        self.errors = 0

    async def keep_busy(self) -> None:
        """Send request after request over one connection, and a new one when it breaks."""
        while time.perf_counter() < self._end:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
                while time.perf_counter() < self._end:
                    async with asyncio.timeout(self._longest):
                        await self._ask(reader, writer)
                writer.close()
            except (OSError, EOFError, Broken):  # a timeout is an `OSError`
                self.errors += 1

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = time.perf_counter()
        writer.write(next(self._requests))
        status = await _read_answer(reader)
        self.latencies.append(round((time.perf_counter() - begun) * 1_000_000))
        self.errors += not 200 <= status < 300


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readline()).strip() or b"0", 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        _, found, length = head.partition(b"content-length:")
        if not found:
            raise Broken
        await reader.readexactly(int(length.split(b"\r\n")[0]))
    return int(head.split(b" ", 2)[1])
