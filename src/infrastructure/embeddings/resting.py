"""Lets a service that does not serve rest, so that not every question waits for it in vain."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import Embedder, EmbedderUnavailable, Vector


class RestingEmbedder:
    """Implements `Embedder` by another one.

    After a question for which there was no vector, questions are refused at once for `rest_seconds`: they
    are searched by words without waiting. Passages, which nobody waits for, are asked for all the same.
    """

    def __init__(
        self, embedder: Embedder, rest_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._embedder = embedder
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._rests_until = clock()
        self.name = embedder.name

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    async def query(self, text: str) -> Vector:
        if self._clock() < self._rests_until:
            raise EmbedderUnavailable(f"{self.name}: not asked, for it failed a moment ago")
        try:
            return await self._embedder.query(text)
        except EmbedderUnavailable:
            self._rests_until = self._clock() + self._rest_seconds
            raise

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await self._embedder.passages(texts)

    async def close(self) -> None:
        """Let connections and threads go."""
        await self._embedder.close()
