"""What the platform adds to a model's stream: to its first token, to its pace, in memory, and when it is full."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count, cycle
from pathlib import Path
from statistics import median, quantiles
from types import MappingProxyType
from typing import Any

import httpx

from bench import texts
from bench.processes import Program
from bench.reading import Pulse, Reading, closing, read, read_all
from bench.report import show_checks, show_table
from bench.seed import SeededHouse, post
from bench.server import serving
from bench.upstreams import UPSTREAMS, Upstream

DELTA = b"event: delta"
MESSAGE = b"event: message"
HTTP_UNAVAILABLE = 503

PIECES, PACE = 100, 0.02
"""A slow model: so many tokens, one in so many seconds."""
ALONE = 200
"""Answers that are asked for one by one."""
SLOW_STREAMS = 32
ROUNDS = 3
MANY_STREAMS = 200
ABANDONED = 500
RUNNING = 256
REFUSALS = 50
WARM_UP = 30

LARGEST_ADDED_MS = {1: 5.0, SLOW_STREAMS: 20.0}
LONGEST_STALL_MS = 250.0
LONGEST_REFUSAL_MS = 100.0


@dataclass(frozen=True)
class FirstToken:
    """Milliseconds to the first token, asked directly and through the platform."""

    provider: str
    streams: int
    direct_p50: float
    platform_p50: float
    added: float
    direct_p95: float
    platform_p95: float


@dataclass(frozen=True)
class Stalls:
    """Milliseconds: the longest gap in any stream, the longest wait for `/health`, the benchmark's own stall."""

    provider: str
    streams: int
    tokens_per_second: float
    cpu_ms_per_token: float
    direct_gap: float
    gap: float
    typical_gap: float
    health: float
    own: float


class Asked:
    """A server and people who ask it; each question in a session of its own."""

    def __init__(self, server: Program, seeded: SeededHouse) -> None:
        self.server = server
        self._tokens = cycle(token for token, _sessions in seeded.people)
        self._questions = cycle(texts.questions(2_048))

    def requests(self, number: int) -> list[bytes]:
        with httpx.Client(base_url=f"{self.server.url}/api/v1", timeout=30) as client:
            return [self._request(client, next(self._tokens)) for _ in range(number)]

    def _request(self, client: httpx.Client, token: str) -> bytes:
        headers = {"Authorization": f"Bearer {token}"}
        made = client.post("/chat/sessions", json={}, headers=headers).raise_for_status()
        body = {"content": next(self._questions), "stream": True}
        return closing(post(f"/api/v1/chat/sessions/{made.json()['id']}/messages", token, body))


def run(seeded: SeededHouse, folder: Path) -> dict[str, Any]:
    first_tokens: list[FirstToken] = []
    stalls: list[Stalls] = []
    for provider in UPSTREAMS:
        with _asked(provider, seeded, folder, pieces=3, pace=0.0) as (upstream, asked):
            first_tokens.append(asyncio.run(_alone(provider, upstream, asked)))
        with _asked(provider, seeded, folder) as (upstream, asked):
            first_tokens.append(asyncio.run(_slow_streams(provider, upstream, asked)))
            stalls.append(asyncio.run(_many_streams(provider, upstream, asked)))
    _show(first_tokens, stalls)
    return {
        "first_tokens": [asdict(row) for row in first_tokens],
        "stalls": [asdict(row) for row in stalls],
        "memory": _memory(seeded, folder),
        "refusals": _refusals(seeded, folder),
    }


@contextmanager
def _asked(
    provider: str,
    seeded: SeededHouse,
    folder: Path,
    *,
    pieces: int = PIECES,
    pace: float = PACE,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Upstream, Asked]]:
    """Run a model and a server that asks it, and let the server become warm."""
    with (
        UPSTREAMS[provider](pieces, pace, folder) as upstream,
        serving(seeded.house, **upstream.settings, **settings) as server,
    ):
        server.wait_until_idle()
        asked = Asked(server, seeded)
        asyncio.run(read_all(server.url, asked.requests(WARM_UP), DELTA, 8))
        yield upstream, asked


async def _alone(provider: str, upstream: Upstream, asked: Asked) -> FirstToken:
    direct, platform = [], []
    for request in asked.requests(ALONE):
        direct.append(await read(upstream.program.url, upstream.request, upstream.mark))
        platform.append(await read(asked.server.url, request, DELTA))
    return _first_token(provider, 1, direct, platform)


async def _slow_streams(provider: str, upstream: Upstream, asked: Asked) -> FirstToken:
    direct, platform = list[Reading](), list[Reading]()
    number = 2 * SLOW_STREAMS
    for _ in range(ROUNDS):
        requests = asked.requests(number)
        spread = PIECES * PACE
        direct += await read_all(
            upstream.program.url, [upstream.request] * number, upstream.mark, SLOW_STREAMS, spread=spread
        )
        platform += await read_all(asked.server.url, requests, DELTA, SLOW_STREAMS, spread=spread)
    return _first_token(provider, SLOW_STREAMS, direct, platform)


async def _many_streams(provider: str, upstream: Upstream, asked: Asked) -> Stalls:
    """All at once, asked for within half the time that an answer takes."""
    requests, spread = asked.requests(MANY_STREAMS), PIECES * PACE / 2
    direct = await read_all(
        upstream.program.url, [upstream.request] * MANY_STREAMS, upstream.mark, MANY_STREAMS, spread=spread
    )
    before = asked.server.cpu_seconds()
    async with Pulse(asked.server.url) as pulse:
        begun = asyncio.get_running_loop().time()
        readings = await read_all(asked.server.url, requests, DELTA, MANY_STREAMS, spread=spread)
        seconds = asyncio.get_running_loop().time() - begun
    _check([*direct, *readings])
    tokens = MANY_STREAMS * PIECES
    return Stalls(
        provider,
        MANY_STREAMS,
        tokens_per_second=tokens / seconds,
        cpu_ms_per_token=(asked.server.cpu_seconds() - before) * 1000 / tokens,
        direct_gap=max(each.longest_gap for each in direct) * 1000,
        gap=max(each.longest_gap for each in readings) * 1000,
        typical_gap=median(each.longest_gap for each in readings) * 1000,
        health=pulse.longest * 1000,
        own=pulse.own_longest * 1000,
    )


def _memory(seeded: SeededHouse, folder: Path) -> dict[str, Any]:
    """Readers that vanish after the first event, again and again: their answers are written all the same."""
    rows = []
    with _asked("openai_compatible", seeded, folder) as (_upstream, asked):
        idle = asked.server.resident_bytes()
        for number in range(1, ROUNDS + 1):
            requests = asked.requests(ABANDONED)
            before = asked.server.resident_bytes()
            peak = asyncio.run(_abandon(asked.server, requests))
            asked.server.wait_until_idle()
            rows.append((number, before / 1e6, peak / 1e6, asked.server.resident_bytes() / 1e6))
    show_table(
        f"Memory of the server with {ABANDONED} abandoned streams, MB",
        ("time", "before", "at the peak", "afterwards"),
        rows,
    )
    return {"idle_bytes": idle, "rounds": rows}


async def _abandon(server: Program, requests: Sequence[bytes]) -> int:
    """Return the most memory that the server had, until all that is written has been written."""
    readings = [read(server.url, request, DELTA, leave_after=MESSAGE) for request in requests]
    leaving = asyncio.ensure_future(asyncio.gather(*readings))
    peak = 0
    # Each has a place of its own in time: at most RUNNING are written at once, each for PIECES * PACE seconds.
    for looks in count(1):
        peak = max(peak, await asyncio.to_thread(server.resident_bytes))
        if leaving.done() and looks * 0.2 > 2 * PIECES * PACE * ABANDONED / RUNNING:
            break
        await asyncio.sleep(0.2)
    statuses = {each.status for each in await leaving}
    if statuses != {200}:
        raise RuntimeError(f"not every stream was begun: {statuses}")
    return peak


def _refusals(seeded: SeededHouse, folder: Path) -> dict[str, Any]:
    """As many answers as may be written are; whoever asks for one more is refused."""
    full = {"CHAT__MAX_GENERATIONS": str(RUNNING), "CHAT__MAX_WAITING": "0"}
    with _asked("openai_compatible", seeded, folder, pieces=10 * PIECES, settings=full) as (_upstream, asked):
        requests = asked.requests(RUNNING + REFUSALS)
        times = asyncio.run(_refused(asked.server, requests[:RUNNING], requests[RUNNING:]))
    figures = {"running": RUNNING, "p50": median(times), "longest": max(times)}
    show_table("Milliseconds to a refusal", list(figures), [list(figures.values())])
    show_checks({f"refused within {LONGEST_REFUSAL_MS:.0f} ms": max(times) < LONGEST_REFUSAL_MS})
    return figures


async def _refused(server: Program, running: Sequence[bytes], more: Sequence[bytes]) -> list[float]:
    streams = [asyncio.ensure_future(read(server.url, request, DELTA)) for request in running]
    await asyncio.sleep(PIECES * PACE)
    refused = [await read(server.url, request, DELTA, leave_after=MESSAGE) for request in more]
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    if {each.status for each in refused} != {HTTP_UNAVAILABLE}:
        raise RuntimeError("there was room for more answers than there should be")
    return [each.seconds * 1000 for each in refused]


def _first_token(
    provider: str, streams: int, direct: Sequence[Reading], platform: Sequence[Reading]
) -> FirstToken:
    _check([*direct, *platform])
    directly, through = ([each.first * 1000 for each in readings] for readings in (direct, platform))
    return FirstToken(
        provider,
        streams,
        direct_p50=median(directly),
        platform_p50=median(through),
        added=median(through) - median(directly),
        direct_p95=quantiles(directly, n=20)[-1],
        platform_p95=quantiles(through, n=20)[-1],
    )


def _check(readings: Sequence[Reading]) -> None:
    if bad := [each for each in readings if each.status != httpx.codes.OK or not each.pieces]:
        raise RuntimeError(f"{len(bad)} streams were not as they should be: {bad[0]}")


def _show(first_tokens: Sequence[FirstToken], stalls: Sequence[Stalls]) -> None:
    columns = ("model", "streams", "direct p50", "platform p50", "added", "direct p95", "platform p95")
    rows: list[Sequence[object]] = [list(asdict(row).values()) for row in first_tokens]
    show_table("Milliseconds to the first token", columns, rows)
    stall_columns = (
        *("model", "streams", "tokens/s", "CPU ms a token", "longest gap, direct", "longest gap"),
        *("median of longest gaps", "longest wait for /health", "the benchmark's own"),
    )
    show_table(
        f"Stalls in ms, {MANY_STREAMS} streams", stall_columns, [list(asdict(row).values()) for row in stalls]
    )
    added = {
        f"{row.provider}, {row.streams} streams: at most {LARGEST_ADDED_MS[row.streams]:.0f} ms added": (
            row.added <= LARGEST_ADDED_MS[row.streams]
        )
        for row in first_tokens
    }
    longest = {
        f"{row.provider}, {row.streams} streams: no stall over {LONGEST_STALL_MS:.0f} ms": (
            max(row.gap, row.health) <= LONGEST_STALL_MS
        )
        for row in stalls
    }
    show_checks(added | longest)
