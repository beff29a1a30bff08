"""The rate limiter: the sliding window counter of the library `limits`, on whichever store there is."""

import math
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from valkey.asyncio import BlockingConnectionPool
from valkey.exceptions import ValkeyError

from src.infrastructure.rate_limits.windows import MemoryWindows
from src.shared.middleware.rate_limits import RateLimit, Standing

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 0.25
"""How long a shared store may take: every request waits for it."""
REST_SECONDS = 5.0
"""How long a store that failed is left alone."""
CONNECTIONS = 64


class WindowRateLimiter:
    """Implements `RateLimiter`; requests are counted in the store at `url`, without one in this process.

    While the store does not answer each process counts by itself: a limit then holds for each of them, and
    nobody is refused for the store's sake.
    """

    def __init__(
        self,
        url: str | None = None,
        windows: MemoryWindows | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._here = SlidingWindowCounterRateLimiter(windows or MemoryWindows())
        self._pool = _pool(url) if url else None
        self._shared = _sharing(self._pool) if self._pool else None
        self._clock = clock
        self._rests_until = 0.0
        self.is_down = False
        self.refused: Counter[str] = Counter()
        """How many requests were refused, by the limit's name."""

    async def hit(self, limit: RateLimit, asker: str) -> Standing:
        standing = await self._ask(limit, asker, counts=True)
        if not standing.is_within:
            self.refused[limit.name] += 1
        return standing

    async def look(self, limit: RateLimit, asker: str) -> Standing:
        return await self._ask(limit, asker, counts=False)

    async def stop(self) -> None:
        if self._pool:
            await self._pool.disconnect()

    async def _ask(self, limit: RateLimit, asker: str, *, counts: bool) -> Standing:
        if self._shared and self._clock() >= self._rests_until:
            # Before it is asked: while it hangs, one request in five seconds waits for it and not all.
            if self.is_down:
                self._rests_until = self._clock() + REST_SECONDS
            try:
                standing = await _standing(self._shared, limit, asker, counts=counts)
            except (ValkeyError, OSError, TimeoutError) as error:
                self._rest(error)
            else:
                self._go_on()
                return standing
        return await _standing(self._here, limit, asker, counts=counts)

    def _rest(self, error: Exception) -> None:
        self._rests_until = self._clock() + REST_SECONDS
        if not self.is_down:
            self.is_down = True
            log.warning(
                "rate_limit_store_down", error=repr(error), effect="each process counts requests by itself"
            )

    def _go_on(self) -> None:
        if self.is_down:
            self.is_down, self._rests_until = False, 0.0
            log.warning("rate_limit_store_up")


async def _standing(
    limiter: SlidingWindowCounterRateLimiter, limit: RateLimit, asker: str, *, counts: bool
) -> Standing:
    item = _item(limit)
    is_within = await limiter.hit(item, asker) if counts else True
    reset_at, remaining = await limiter.get_window_stats(item, asker)
    # At the moment itself there is no room yet.
    reset_after = math.floor(reset_at - time.time()) + 1
    return Standing(is_within and (counts or remaining > 0), remaining, max(reset_after, 1))


@cache
def _item(limit: RateLimit) -> RateLimitItem:
    return RateLimitItemPerSecond(limit.requests, limit.seconds, namespace=limit.name)


def _pool(url: str) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        re.sub(
            "^redis", "valkey", url
        ),  # both servers speak one language: the client of one of them is enough
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
    )


def _sharing(pool: BlockingConnectionPool) -> SlidingWindowCounterRateLimiter:
    options: dict[str, Any] = {"connection_pool": pool}  # which the library's types do not know
    storage = RedisStorage("async+valkey://", key_prefix="chatbot-limits", **options)
    return SlidingWindowCounterRateLimiter(storage)
