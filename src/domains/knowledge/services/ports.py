"""What knowledge needs from outside."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from src.shared.exceptions.errors import PlatformError


class UnsupportedDocument(PlatformError):
    """The file's name or its content is of a type that is not read here."""

    status = 415
    code = "unsupported_document"


class UnreadableDocument(Exception):
    """The file is of a known type but cannot be read; the message is shown to the person who uploaded it."""


@dataclass(frozen=True)
class PassageDraft:
    """A passage as it is cut from a document, in reading order.

    `location` tells a reader where it stands: a page ("p. 3"), a heading path ("Leave > Annual leave"), or "".
    """

    text: str
    location: str


class DocumentReader(Protocol):
    """Reads files into passages."""

    def check(self, head: bytes, file_name: str) -> None:
        """Raise `UnsupportedDocument` when the name's ending or the first bytes tell that it cannot be read."""

    def read(self, path: Path, file_name: str) -> list[PassageDraft]:
        """Return the passages of the file, at least one, or raise `UnreadableDocument`. Blocking."""


@dataclass(frozen=True)
class IndexedPassage:
    """A passage as the index takes it."""

    passage_id: UUID
    document_id: UUID
    collection_id: UUID
    title: str
    location: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A passage that matched; a higher score is better, scores of different queries do not compare."""

    passage_id: UUID
    score: float


class FileStore(Protocol):
    """Keeps uploaded files as they came. Calls block."""

    def save(self, document_id: UUID, content: BinaryIO) -> None:
        """Keep the content, whole or not at all."""

    def path(self, document_id: UUID) -> Path:
        """Return where the file can be read."""

    def delete(self, document_id: UUID) -> None:
        """Delete the file; one that is not there is no error."""

    def delete_unknown(self, known: Collection[UUID], unchanged_for: timedelta) -> None:
        """Delete what a crash left: all that is no known document's file and has not changed for so long."""


class PassageIndex(Protocol):
    """A full-text index of passages on this machine. Calls block; one writer, any number of readers."""

    def cursor(self) -> int | None:
        """Return the event log position that the index has taken in, or None when it must be rebuilt."""

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        """Delete the document's passages and add these (none: it is gone). Visible after `commit`."""

    def clear(self) -> None:
        """Delete everything. Visible after `commit`."""

    def commit(self, cursor: int) -> None:
        """Make the changes durable and visible, then remember the position."""

    def search(self, query: str, collection_ids: Sequence[UUID], limit: int) -> list[Hit]:
        """Return the best hits within the collections, best first."""
