"""The document reader: which types are taken, how each is read, and how a failure is told."""

from collections.abc import Callable
from pathlib import Path, PurePath

from src.domains.knowledge.services.ports import PassageDraft, UnreadableDocument, UnsupportedDocument
from src.infrastructure.documents.chunking import Chunker
from src.infrastructure.documents.markup import read_docx, read_html
from src.infrastructure.documents.pdf import read_pdf
from src.infrastructure.documents.plain import read_markdown, read_text
from src.infrastructure.documents.sections import Limits, Section

_READERS: dict[str, Callable[[bytes, Limits], list[Section]]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
}
_TAKEN = f"These types are taken: {', '.join(_READERS)}."
_PDF_MARK_WITHIN = 1024
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Types that begin with letters; all other common binary files have a NUL byte early on.
_NOT_TEXT = (b"%PDF-", b"PK\x03\x04", b"{\\rtf")


class FileDocumentReader:
    """Reads text, Markdown, HTML, PDF and Word files into passages of about `passage_characters`."""

    def __init__(
        self,
        passage_characters: int = 1_000,
        max_pages: int = 2_000,
        max_characters: int = 20_000_000,
        max_unpacked_bytes: int = 100_000_000,
    ) -> None:
        self._limits = Limits(max_pages, max_characters, max_unpacked_bytes)
        self._chunker = Chunker(passage_characters)

    def check(self, head: bytes, file_name: str) -> None:
        """Raise `UnsupportedDocument` when the name's ending or the first bytes are of another type."""
        ending = _ending(file_name)
        if ending not in _READERS:
            raise UnsupportedDocument(f"Files of the type {ending or '(none)'} are not read. {_TAKEN}")
        if not _looks_like(ending, head):
            raise UnsupportedDocument(f"The name ends in {ending}, but the file is of another type. {_TAKEN}")

    def read(self, path: Path, file_name: str) -> list[PassageDraft]:
        """Return the passages of the file, at least one, or raise `UnreadableDocument`.

        An error of the disk is raised as it is: the document is not to blame.
        """
        data = path.read_bytes()
        if not data:
            raise UnreadableDocument("The file is empty.")
        try:
            passages = self._chunker.cut(_READERS[_ending(file_name)](data, self._limits))
        except UnreadableDocument:
            raise
        except Exception as error:
            raise UnreadableDocument(
                "The file could not be read; it may be damaged. Open it, save it anew and upload it again."
            ) from error
        if not passages:
            raise UnreadableDocument("The file holds no text.")
        return passages


def _ending(file_name: str) -> str:
    return PurePath(file_name).suffix.lower()


def _looks_like(ending: str, head: bytes) -> bool:
    if ending == ".pdf":
        return b"%PDF-" in head[:_PDF_MARK_WITHIN]
    if ending == ".docx":
        return head.startswith(b"PK\x03\x04")
    return head.startswith(_UTF16_MARKS) or (b"\0" not in head and not head.startswith(_NOT_TEXT))
