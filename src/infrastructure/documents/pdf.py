"""PDF files, page by page."""

import re
import threading
import unicodedata
from contextlib import closing
from itertools import pairwise

import pypdfium2
from pypdfium2 import PdfDocument, PdfiumError, PdfPage

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents.sections import Limits, Section
from src.infrastructure.documents.text import tidy

# PDFium is one global state for the process and is not made for threads.
_PDFIUM = threading.Lock()

_NARROWEST_FULL_LINE = 40
_FULL_LINE_SHARE = 0.6
_JUSTIFIED_SHARE = 0.9
_TRAILING_SPACE_SHARE = 0.1
_HYPHENS = ("\x02", "\u00ad", "\ufffe")
_SENTENCE_END = re.compile(r"(?:(?<!\d)\.|[!?。])\s*$")
_NEW_ITEM = re.compile(r"\s*(?:[•◦○●■□▪▶※*\-–—]\s|[①-⑳]|[(\[<【]|(?:\d{1,3}|[가-하]|[a-zA-Z])[.)]\s)")


def read_pdf(data: bytes, limits: Limits) -> list[Section]:
    """Return a section for each page that holds text."""
    with _PDFIUM, closing(_open(data)) as document:
        if len(document) > limits.pages:
            raise UnreadableDocument(
                f"The PDF has {len(document):,} pages, more than the {limits.pages:,} that are read. "
                "Split it and upload the parts."
            )
        sections = _pages(document, limits)
    if not sections:
        raise UnreadableDocument(
            "The PDF holds no text: it seems to be a scan, pictures of pages. "
            "Run text recognition (OCR) on it and upload the result."
        )
    return sections


def _open(data: bytes) -> PdfDocument:
    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            reason = "The PDF is protected by a password. Save it without the password and upload it again."
        else:
            reason = "The PDF is damaged or has no pages. Open it, print it to a new PDF and upload that."
        raise UnreadableDocument(reason) from error


def _pages(document: PdfDocument, limits: Limits) -> list[Section]:
    sections: list[Section] = []
    count = 0
    for index in range(len(document)):
        with closing(document[index]) as page:
            text, raw_count = _text(page, limits, count)
        count += raw_count
        if text:
            sections.append(Section((f"p. {index + 1}",), text))
    return sections


def _text(page: PdfPage, limits: Limits, count_before: int) -> tuple[str, int]:
    with closing(page.get_textpage()) as textpage:
        count = textpage.count_chars()
        limits.check_characters(count_before + count)
        return tidy(unwrap(textpage.get_text_bounded())), count


def unwrap(page: str) -> str:
    """Join the lines of a paragraph that the page's width broke, so that sentences and words are whole.

    Most software leaves the space between two words at the end of a broken line. On such a page a line
    without one ends its paragraph, or, in Korean, breaks off within a word.
    """
    lines = page.replace("\r\n", "\n").split("\n")
    spaced = sum(line.endswith(" ") for line in lines) >= len(lines) * _TRAILING_SPACE_SHARE
    full_width = max(_NARROWEST_FULL_LINE, _FULL_LINE_SHARE * _usual_width(lines))
    joined = lines[0]
    for line, following in pairwise(lines):
        joined += _between(line, following, full_width, spaced) + following
    return joined


def _usual_width(lines: list[str]) -> float:
    widths = sorted(_width(line) for line in lines)
    return widths[int(len(widths) * 0.9)]


def _width(line: str) -> int:
    return sum(2 if _is_wide(character) else 1 for character in line)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _between(line: str, following: str, full_width: float, spaced: bool) -> str:
    """Return what belongs between two lines: nothing, a space, or the line break that was there."""
    if line.endswith(_HYPHENS):
        return ""
    width, width_after = _width(line), _width(following)
    is_broken = width >= max(full_width, _FULL_LINE_SHARE * width_after) and not _SENTENCE_END.search(line)
    if not is_broken or _NEW_ITEM.match(following):
        return "\n"
    if not spaced or line.endswith(" "):
        return " "
    is_within_word = width >= _JUSTIFIED_SHARE * width_after and any(map(_is_wide, line[-1:] + following[:1]))
    return "" if is_within_word else "\n"
