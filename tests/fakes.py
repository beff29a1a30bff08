"""Stand-ins for our own ports."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from src.domains.chat.services.ports import ModelChunk, Prompt, Usage
from src.domains.knowledge.services.ports import PassageDraft, Progress, Vector
from src.infrastructure.documents.reader import FileDocumentReader
from tests.standins.serving import meaning


class ScriptedModel:
    """A chat model that says what it is told, as slowly as it is told, and remembers its prompts."""

    name = "scripted"

    def __init__(self, pieces: Sequence[str | Exception] = ("Hello.",)) -> None:
        self.pieces = pieces
        self.prompts: list[Prompt] = []
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        self.prompts.append(prompt)
        self.asked.set()
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield ModelChunk(piece)
            await self.may_go_on.wait()
        yield ModelChunk(usage=Usage(11, 7, 0.25), finish_reason="stop")

    async def close(self) -> None:
        pass


class SteppedModel:
    """A chat model that says one piece whenever it is let, and tells when somebody cuts it off."""

    name = "stepped"

    def __init__(self, pieces: Sequence[str] = ()) -> None:
        self.calls = 0
        self.cut_off = asyncio.Event()
        self.learn(pieces)

    def learn(self, pieces: Sequence[str]) -> None:
        """Have the model say these pieces from now on."""
        self._pieces = pieces
        self._has_ended = False
        self._permits = asyncio.Semaphore(0)
        self._is_idle = asyncio.Event()

    async def idle(self) -> None:
        """Wait until the model has said all that it may."""
        await self._is_idle.wait()

    def say(self, pieces: int) -> None:
        """Let the model say so many more pieces."""
        if not self._has_ended:
            self._is_idle.clear()
        for _ in range(pieces):
            self._permits.release()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        self.calls += 1
        try:
            for piece in self._pieces:
                await self._permission()
                yield ModelChunk(piece)
            await self._permission()
        except (asyncio.CancelledError, GeneratorExit):
            self.cut_off.set()
            raise
        self._has_ended = True
        self._is_idle.set()
        yield ModelChunk(usage=Usage(11, 7, 0.25), finish_reason="stop")

    async def _permission(self) -> None:
        if self._permits.locked():
            self._is_idle.set()
        await self._permits.acquire()

    async def close(self) -> None:
        pass


class CitingModel:
    """A chat model that cites every passage it is given."""

    name = "citing"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        yield ModelChunk("".join(f"[{number}]" for number in range(1, len(prompt.passages) + 1)))
        yield ModelChunk(usage=Usage(), finish_reason="stop")

    async def close(self) -> None:
        pass


class HashedWords:
    """An embedder without a model: texts that share words are near each other, and no two are opposed."""

    name, dimensions = "hashed-words", 64

    async def query(self, text: str) -> Vector:
        vector = np.full(self.dimensions, 0.1, dtype=np.float32)
        for word in text.split():
            vector[zlib.crc32(word.encode()) % self.dimensions] += 1
        return vector / np.linalg.norm(vector)

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([await self.query(text) for text in texts])

    async def close(self) -> None:
        pass


class ParagraphReader(FileDocumentReader):
    """Reads text files without a process of their own: each paragraph is a passage."""

    async def read(self, path: Path, file_name: str, tell: Callable[[Progress], None]) -> list[PassageDraft]:
        text = await asyncio.to_thread(path.read_text)
        return [PassageDraft(paragraph, "") for paragraph in text.split("\n\n")]


class SteppedReader(FileDocumentReader):
    """Reads text files, but first raises what it is given, and stops before those that it shall hold."""

    def __init__(self, *faults: Exception, progress: Progress | None = None) -> None:
        super().__init__()
        self.read_names: list[str] = []
        self.most_at_once = 0
        self._faults = list(faults)
        self._progress = progress
        self._held: bytes | None = None
        self._begun, self._may_go_on = asyncio.Event(), asyncio.Event()
        self._ended = 0

    def hold(self, marked: bytes = b"") -> None:
        """Stop before files that hold these bytes, until `go_on`."""
        self._held = marked
        self._begun.clear()
        self._may_go_on.clear()

    def go_on(self) -> None:
        self._held = None
        self._may_go_on.set()

    async def begun(self) -> None:
        """Wait until a file is held."""
        async with asyncio.timeout(20):
            await self._begun.wait()

    async def ended(self, count: int) -> None:
        """Wait until so many files were read, or their reading was cut off."""
        async with asyncio.timeout(20):
            while self._ended < count:  # noqa: ASYNC110  # several may wait for several counts
                await asyncio.sleep(0.01)

    async def read(self, path: Path, file_name: str, tell: Callable[[Progress], None]) -> list[PassageDraft]:
        self.read_names.append(file_name)
        self.most_at_once = max(self.most_at_once, len(self.read_names) - self._ended)
        try:
            if self._faults:
                raise self._faults.pop(0)
            if self._progress:
                tell(self._progress)
            content = await asyncio.to_thread(path.read_bytes)
            if self._held is not None and self._held in content:
                self._begun.set()
                await self._may_go_on.wait()
            return await super().read(path, file_name, tell)
        finally:
            self._ended += 1


class HashedEmbedder:
    """An embedder by the words that texts share, to which a vacation is a leave; remembers what it was asked.

    Everything raises `fault` while there is one; texts that hold `refused` raise `refusal` for good.
    """

    MEANS = {"vacation": "leave", "vacations": "leave"}  # noqa: RUF012

    def __init__(
        self,
        name: str = "test:hashed",
        dimensions: int = 64,
        refused: str = "\0",
        refusal: Exception | None = None,
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self.fault: Exception | None = None
        self.questions: list[str] = []
        self.texts: list[str] = []
        self.closed = False
        self._refused = refused
        self._refusal = refusal or ValueError("this text cannot be read")
        self._held: str | None = None
        self._begun, self._may_go_on = asyncio.Event(), asyncio.Event()

    def hold(self, marked: str = "") -> None:
        """Stop before texts that hold this, until `go_on`."""
        self._held = marked
        self._begun.clear()
        self._may_go_on.clear()

    def go_on(self) -> None:
        self._held = None
        self._may_go_on.set()

    async def begun(self) -> None:
        """Wait until a text is held, or the fault has been met."""
        async with asyncio.timeout(20):
            await self._begun.wait()

    async def query(self, text: str) -> Vector:
        self.questions.append(text)
        await self._meet([text])
        return self.vector(text)

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        await self._meet(texts)
        vectors = [self.vector(text) for text in texts]
        self.texts += texts
        return np.stack(vectors)

    async def close(self) -> None:
        self.closed = True

    def vector(self, text: str) -> Vector:
        words = " ".join(self.MEANS.get(word, word) for word in text.lower().split())
        vector = meaning(words, self.dimensions)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    async def _meet(self, texts: Sequence[str]) -> None:
        if self._held is not None and any(self._held in text for text in texts):
            self._begun.set()
            await self._may_go_on.wait()
        if self.fault:
            self._begun.set()
            raise self.fault
        if any(self._refused in text for text in texts):
            raise self._refusal
