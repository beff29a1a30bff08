"""What knowledge needs from outside."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from src.shared.exceptions.errors import InvalidRequest, PlatformError, TooLarge, Unavailable


class UnsupportedDocument(PlatformError):
    """The file's name or its content is of a type that is not read here."""

    status = 415
    code = "unsupported_document"


class UnreadableDocument(Exception):
    """The file is of a known type but cannot be read; the message is shown to the person who uploaded it."""


@dataclass(frozen=True)
class PassageDraft:
    """A passage as it is cut from a document, in reading order.

    `location` tells a reader where it stands: a page ("p. 3"), a slide ("slide 3"), rows of a sheet
    ("sheet Prices > rows 2-40"), a heading path ("Leave > Annual leave"), an e-mail's subject, or "".
    """

    text: str
    location: str


@dataclass(frozen=True)
class Progress:
    """How far the reading of a file has come: pages (slides, sheets, chapters) read of `total` (None: unknown)."""

    pages: int
    total: int | None


class DocumentReader(Protocol):
    """Reads files into passages. Several can be read at once; the caller bounds how many."""

    def check(self, head: bytes, file_name: str) -> None:
        """Raise `UnsupportedDocument` when the name's ending or the first bytes tell that it cannot be read."""

    async def read(self, path: Path, file_name: str, tell: Callable[[Progress], None]) -> list[PassageDraft]:
        """Return the passages of the file, at least one, or raise `UnreadableDocument`.

        `tell` is called on the event loop as the reading goes on. When the call is cancelled, what reads the file
        ends. An error of the disk is raised as it is: it may pass.
        """


Vector = NDArray[np.float32]
"""A meaning, of length 1: the product of two is their cosine."""


@dataclass(frozen=True)
class IndexedPassage:
    """A passage as an index takes it; without a vector it is found by its words alone."""

    passage_id: UUID
    document_id: UUID
    collection_id: UUID
    title: str
    location: str
    text: str
    vector: Vector | None = None


Arm = Literal["words", "meaning"]


@dataclass(frozen=True)
class Match:
    """Why a passage was found: by which arm, with what score of that arm, and by which of the query's words."""

    arm: Arm
    score: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A passage that matched; a higher score is better, scores of different queries do not compare."""

    passage_id: UUID
    score: float
    matches: tuple[Match, ...] = ()


class FileStore(Protocol):
    """Keeps uploaded files as they came, one for a version of a document. Calls block."""

    def save(self, version_id: UUID, content: BinaryIO) -> None:
        """Keep the content, whole or not at all."""

    def path(self, version_id: UUID) -> Path:
        """Return where the file can be read."""

    def delete(self, version_id: UUID) -> None:
        """Delete the file; one that is not there is no error."""

    def delete_unknown(self, known: Collection[UUID], unchanged_for: timedelta) -> None:
        """Delete what a crash left: all that is no known version's file and has not changed for so long."""


Scored = tuple[UUID, float]
"""A passage and its score."""


@dataclass(frozen=True)
class WordHits:
    """The best passages by their words, best first; `attainable` is about the best score the query can give.

    It is 0 where that is not known.
    """

    scored: list[Scored]
    attainable: float


class LocalIndex(Protocol):
    """An index of passages on this machine. Calls block; one writer, any number of readers."""

    def cursor(self) -> int | None:
        """Return the event log position that the index has taken in, or None when it must be rebuilt."""

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        """Delete the document's passages and add these (none: it is gone). Visible after `commit` at last."""

    def clear(self) -> None:
        """Delete everything. Visible after `commit` at last."""

    def commit(self, cursor: int) -> None:
        """Make the changes visible and, in time, durable; then remember the position."""

    def close(self) -> None:
        """Finish what runs in the background and keep what is not durable yet."""


class WordIndex(LocalIndex, Protocol):
    """Finds passages by their words."""

    def search(self, query: str, collection_ids: Sequence[UUID], limit: int) -> WordHits:
        """Return the best hits within the collections, with their BM25 scores."""


class VectorIndex(LocalIndex, Protocol):
    """Finds passages by their meaning; takes those that have a vector."""

    @property
    def size(self) -> int:
        """How many passages are in it."""

    def search(self, vector: Vector, collection_ids: Sequence[UUID], limit: int) -> list[Scored]:
        """Return the nearest passages within the collections with their cosines, best first."""


class Embedder(Protocol):
    """Turns texts into vectors of their meaning.

    Raises `EmbedderUnavailable`; the search then goes by words, and passages wait for their vectors.
    """

    @property
    def name(self) -> str:
        """Provider and model ("embedded:multilingual-e5-small"); vectors of different names do not compare."""

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has; 0 while only the first answer can tell."""

    async def query(self, text: str) -> Vector:
        """Return the vector of a question."""

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of passages, a row each."""

    async def close(self) -> None:
        """Let go of threads and connections."""


class EmbedderUnavailable(Exception):
    """No vectors can be had.

    What is `lasting` does not pass by itself (refused, malformed); it may be for these texts alone.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class SearchUnavailable(Unavailable):
    """The search service cannot be asked at the moment."""

    code = "search_unavailable"


class PassageFinder(Protocol):
    """Proposes passages for a query; what may be shown of them the database decides.

    Raises `SearchUnavailable`.
    """

    async def find(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        """Return the best hits within the collections, best first."""


class ExternalIndex(Protocol):
    """A search service outside this machine, which is told of every change. Repeating a call does no harm.

    Raises when the service does not take a change; the caller repeats it later.
    """

    async def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        """Make these the document's only passages (none: it is gone); return once they can be found."""

    async def close(self) -> None:
        """Let go of threads and connections."""


class SearchEngine(PassageFinder, ExternalIndex, Protocol):
    """A search service outside that keeps passages and finds them."""


class RefusedUrl(InvalidRequest):
    """The address, or one that it leads on to, is none that the platform reads from."""

    code = "refused_url"


class FetchedTooLarge(TooLarge):
    code = "document_too_large"


class UnreachableUrl(PlatformError):
    """The server that was named cannot be reached, or does not serve the page."""

    status = 502
    code = "unreachable_url"


class SlowUrl(PlatformError):
    status = 504
    code = "slow_url"


@dataclass(frozen=True)
class Validators:
    """What a server tells a version of a page by; sent back to it, it says whether there is another one."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Fetched:
    """What is served at an address, under the address that it led on to. Whoever gets it closes `content`."""

    url: str
    file_name: str
    content: BinaryIO
    size_bytes: int
    validators: Validators


class Fetcher(Protocol):
    """Reads what a person names by its address, and only what may be named: nothing of a private network.

    Raises `RefusedUrl`, `FetchedTooLarge`, `UnsupportedDocument`, `UnreachableUrl`, `SlowUrl`.
    """

    async def fetch(self, url: str) -> Fetched:
        """Return what is served there."""

    async def fetch_changed(self, url: str, known: Validators) -> Fetched | None:
        """Return what is served there, or None when it is still the version that is known."""
