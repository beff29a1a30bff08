"""The document reader: which types are taken, and their reading in a process of its own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import structlog

from src.domains.knowledge.services.ports import (
    PassageDraft,
    Progress,
    UnreadableDocument,
    UnsupportedDocument,
)
from src.infrastructure.documents.processes import ReadingProcess
from src.infrastructure.documents.sections import Limits

log = structlog.get_logger(__name__)

_TEXT = (".txt", ".md", ".html", ".htm", ".csv", ".eml")
_ZIP = (".docx", ".pptx", ".xlsx", ".epub", ".hwpx")
ENDINGS = (*_TEXT, ".pdf", ".hwp", *_ZIP)

_TAKEN = f"These types are taken: {', '.join(ENDINGS)}."
_PDF_MARK_WITHIN = 1024
_LONGEST_CAUSE = 200
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ZIP_MARK = b"PK\x03\x04"
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Types that begin with letters; all other common binary files have a NUL byte early on.
_NOT_TEXT = (b"%PDF-", _ZIP_MARK, _OLE_MARK, b"{\\rtf")

_PROCESS = ReadingProcess()


class FileDocumentReader:
    """Reads files into passages, each in a process that can take no more time and memory than its limits."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def check(self, head: bytes, file_name: str) -> None:
        """Raise `UnsupportedDocument` when the name's ending or the first bytes are of another type."""
        ending = _ending(file_name)
        if ending not in ENDINGS:
            raise UnsupportedDocument(f"Files of the type {ending or '(none)'} are not read. {_TAKEN}")
        if not _looks_like(ending, head):
            raise UnsupportedDocument(f"The name ends in {ending}, but the file is of another type. {_TAKEN}")

    async def read(self, path: Path, file_name: str, tell: Callable[[Progress], None]) -> list[PassageDraft]:
        """Return the passages of the file, at least one, or raise `UnreadableDocument`.

        An error of the disk is raised as it is: the document is not to blame.
        """
        with await asyncio.to_thread(path.open, "rb") as file:
            if not file.peek(1):
                raise UnreadableDocument("The file is empty.")
            try:
                async with asyncio.timeout(self._limits.seconds):
                    return await self._read(file, _ending(file_name), tell)
            except TimeoutError:
                raise UnreadableDocument(
                    f"Reading the file took longer than {self._limits.seconds:g} seconds. "
                    "Split it and upload the parts."
                ) from None

    async def _read(
        self, file: BinaryIO, ending: str, tell: Callable[[Progress], None]
    ) -> list[PassageDraft]:
        drafts: list[PassageDraft] = []
        async with _PROCESS.reading(file) as (answers, requests):
            requests.write(json.dumps({"ending": ending, "limits": asdict(self._limits)}).encode() + b"\n")
            try:
                async for line in answers:
                    match json.loads(line):
                        case {"passage": [str(text), str(location)]}:
                            drafts.append(PassageDraft(text, location))
                        case {"progress": [int(pages), int() | None as total]}:
                            tell(Progress(pages, total))
                        case {"refused": [str(reason), cause]}:
                            raise _refusal(reason, cause)
                        case {"done": []}:
                            return drafts
            except (ValueError, ConnectionError) as error:
                raise self._crash() from error
        raise self._crash()

    def _crash(self) -> UnreadableDocument:
        return UnreadableDocument(
            "The reader crashed on the file: it may be damaged, or need more memory than "
            f"{self._limits.memory_mb:,} MB. Open it, save it anew and upload it again."
        )


def _refusal(reason: str, cause: Any) -> UnreadableDocument:
    if cause:
        log.info("document_reader_failed", cause=str(cause)[:_LONGEST_CAUSE])
    return UnreadableDocument(reason)


def _ending(file_name: str) -> str:
    return PurePath(file_name).suffix.lower()


def _looks_like(ending: str, head: bytes) -> bool:
    if ending == ".pdf":
        return b"%PDF-" in head[:_PDF_MARK_WITHIN]
    if ending in _ZIP:
        return head.startswith(_ZIP_MARK)
    if ending == ".hwp":
        return head.startswith(_OLE_MARK)
    return head.startswith(_UTF16_MARKS) or (b"\0" not in head and not head.startswith(_NOT_TEXT))
