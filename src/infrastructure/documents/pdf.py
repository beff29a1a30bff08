"""PDF files, page by page."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pypdfium2
from pypdfium2 import PdfDocument, PdfiumError, PdfPage

from src.domains.knowledge.services.ports import Progress, UnreadableDocument
from src.infrastructure.documents.recognition import Recogniser, how_to_recognise
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.text import tidy

_NARROWEST_FULL_LINE = 40
_FULL_LINE_SHARE = 0.6
_JUSTIFIED_SHARE = 0.9
_TRAILING_SPACE_SHARE = 0.1
_HYPHENS = ("\x02", "\u00ad", "\ufffe")
_SENTENCE_END = re.compile(r"(?:(?<!\d)\.|[!?。])\s*$")
_NEW_ITEM = re.compile(r"\s*(?:[•◦○●■□▪▶※*\-–—]\s|[①-⑳]|[(\[<【]|(?:\d{1,3}|[가-하]|[a-zA-Z])[.)]\s)")


def read_pdf(source: Source) -> list[Section]:
    """Return a section for each page that holds text, or a picture of text that can be recognised."""
    with closing(_open(source.data)) as document:
        source.check_pages(len(document), "pages")
        sections = list(_pages(document, source))
    if not sections:
        raise UnreadableDocument(
            "The PDF holds no text: it seems to be a scan, pictures of pages. " + how_to_recognise()
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


def _pages(document: PdfDocument, source: Source) -> Iterator[Section]:
    recogniser = Recogniser(source.limits.ocr_pages)
    count = 0
    for index in range(len(document)):
        with closing(document[index]) as page:
            text = _text(page, source, count) or tidy(recogniser.text(page))
        count += len(text)
        if text:
            yield Section((f"p. {index + 1}",), text)
        source.tell(Progress(index + 1, len(document)))


def _text(page: PdfPage, source: Source, count_before: int) -> str:
    with closing(page.get_textpage()) as textpage:
        source.check_characters(count_before + textpage.count_chars())
        return tidy(unwrap(textpage.get_text_bounded()))


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
