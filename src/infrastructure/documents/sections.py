"""What every format is turned into before it is cut: stretches of text with the place where they stand."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from src.domains.knowledge.services.ports import Progress, UnreadableDocument

DEEPEST_HEADING = 3
# Some people style whole paragraphs as headings; such a "heading" is text, and a location stays a short line.
LONGEST_HEADING = 150
_LONGEST_LOCATION = 1_000

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_EMPHASIS = re.compile(r"[*`]+|\b_+|_+\b|#+$")


@dataclass(frozen=True)
class Section:
    """A stretch of text below one heading path (or on one page: the path is then the page alone)."""

    path: tuple[str, ...]
    text: str

    @property
    def location(self) -> str:
        return " > ".join(self.path)[:_LONGEST_LOCATION]


@dataclass(frozen=True)
class Limits:
    """How much of a document is taken in before it is refused, and the size of its passages.

    Seconds are of the clock; `memory_mb` is what the reading process may take; `ocr_pages` are pages without text
    that may be recognised, none when it is 0.
    """

    pages: int = 2_000
    characters: int = 20_000_000
    unpacked_bytes: int = 200_000_000
    ocr_pages: int = 100
    seconds: float = 300.0
    memory_mb: int = 1_024
    passage_tokens: int = 320
    overlap_tokens: int = 30


@dataclass(frozen=True)
class Source:
    """A file to be read, within its limits. `tell` is told how far its reading has come."""

    data: bytes
    limits: Limits
    tell: Callable[[Progress], None]

    def check_characters(self, count: int) -> None:
        if count > self.limits.characters:
            raise UnreadableDocument(
                f"The document holds more than {self.limits.characters:,} characters of text. "
                "Split it into smaller files and upload those."
            )

    def counted(self, sections: Iterable[Section]) -> Iterator[Section]:
        """Yield the sections as long as there are no more characters in them than a document may have."""
        count = 0
        for section in sections:
            count += len(section.text)
            self.check_characters(count)
            yield section

    def check_pages(self, count: int, kind: str) -> None:
        """Refuse a document of too many pages; `kind` is what they are called in it ("pages", "slides")."""
        if count > self.limits.pages:
            raise UnreadableDocument(
                f"The document has {count:,} {kind}, more than the {self.limits.pages:,} that are read. "
                "Split it and upload the parts."
            )

    def text_sections(self, markdown: str) -> list[Section]:
        self.check_characters(len(markdown))
        return sections_of(markdown)


def sections_of(markdown: str) -> list[Section]:
    """Split Markdown at its headings down to level 3; deeper headings stay in the text.

    A heading with neither text nor subheadings becomes a section with an empty text: its words are kept.
    """
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    body: list[str] = []
    for line, heading in _lines_and_headings(markdown):
        if heading is None:
            body.append(line)
            continue
        sections.append(_section(path, body))
        body = []
        while path and path[-1][0] >= heading[0]:
            path.pop()
        path.append(heading)
    sections.append(_section(path, body))
    return [
        section
        for section, following in zip(sections, [*sections[1:], Section((), "")], strict=True)
        if section.text or following.path[: len(section.path)] != section.path
    ]


def _section(path: list[tuple[int, str]], body: list[str]) -> Section:
    text = "\n".join(body).strip("\n")
    return Section(tuple(title for _, title in path), text if text.strip() else "")


def _lines_and_headings(markdown: str) -> Iterator[tuple[str, tuple[int, str] | None]]:
    """Pair each line with its level and title when it is a heading. Code blocks hold none."""
    fence = ""
    for line in markdown.split("\n"):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = ""
        yield line, None if fence else _heading(line)


def _heading(line: str) -> tuple[int, str] | None:
    found = _HEADING.fullmatch(line)
    if found is None or len(found[1]) > DEEPEST_HEADING:
        return None
    title = " ".join(_EMPHASIS.sub("", found[2].rstrip()).split())
    return (len(found[1]), title) if 0 < len(title) <= LONGEST_HEADING else None
