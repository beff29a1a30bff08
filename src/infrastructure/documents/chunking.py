"""Sections into passages: of a size that a model and a reader can take in, cut where the text allows it."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

from semantic_text_splitter import TextSplitter

from src.domains.knowledge.services.ports import PassageDraft
from src.infrastructure.documents.sections import Section

_TABLE = re.compile(r"^(?P<header>\|[^\n]*\n\|[ :|]*-[ :|-]*\n)(?:\|[^\n]*(?:\n|\Z))*", re.MULTILINE)
_WIDEST_REPEATED_HEADER = 300
_WINDOW_PIECES = 10


class Chunker:
    """Cuts sections into passages of three quarters of `largest` to `largest` characters, where there is enough.

    Neighbouring sections below a fifth of that under the same heading are put together; they keep their own
    headings in the text.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._tiny = largest // 5
        # For Markdown too: the Markdown splitter would rather cut at a bold word than between two sentences.
        self._splitter = TextSplitter((largest * 3 // 4, largest))

    def cut(self, sections: Iterable[Section]) -> list[PassageDraft]:
        return [
            PassageDraft(text, section.location)
            for section in self._merged(sections)
            for text in self._pieces(section.text)
            if any(character.isalnum() for character in text)
        ]

    def _merged(self, sections: Iterable[Section]) -> Iterator[Section]:
        run: list[Section] = []
        for section in sections:
            if run and not self._belongs(run, section):
                yield _as_one(run)
                run = []
            run.append(section)
        if run:
            yield _as_one(run)

    def _belongs(self, run: list[Section], section: Section) -> bool:
        together = [*run, section]
        common = _common_path(together)
        return (
            bool(common)
            and all(len(part.text) < self._tiny and len(part.path) <= len(common) + 1 for part in together)
            and sum(len(part.text) for part in together) <= self._largest
        )

    def _pieces(self, text: str) -> Iterator[str]:
        return _with_table_headers(text, self._without_crumbs(self._spans(text)))

    def _without_crumbs(self, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Join a tiny piece with what follows it, the last with what it ends, even a little over the size."""
        whole: list[tuple[int, int]] = []
        for start, end in spans:
            if whole and self._is_tiny(whole[-1]) and end - whole[-1][0] <= self._largest + self._tiny:
                start = whole.pop()[0]
            whole.append((start, end))
        if len(whole) > 1 and self._is_tiny(whole[-1]):
            whole[-2:] = [(whole[-2][0], whole[-1][1])]
        return whole

    def _is_tiny(self, span: tuple[int, int]) -> bool:
        return span[1] - span[0] < self._tiny

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the pieces start and end.

        The splitter's time grows with the square of what it is given, so it sees a window at a time; a window's
        last piece may be cut off by the window's end and begins the next one.
        """
        window_start = 0
        while window_start < len(text):
            window_end = window_start + _WINDOW_PIECES * self._largest
            pieces = self._splitter.chunk_indices(text[window_start:window_end])
            next_start = window_end
            if len(pieces) > 1 and window_end < len(text):
                next_start = window_start + pieces.pop()[0]
            for start, piece in pieces:
                yield window_start + start, window_start + start + len(piece)
            window_start = next_start


def _as_one(run: list[Section]) -> Section:
    """Join sections under their common heading; the headings below it stand in the text."""
    if len(run) == 1 and run[0].text:
        return run[0]
    path = _common_path(run) if len(run) > 1 else run[0].path[:-1]
    return Section(path, "\n\n".join(_with_heading(section, path) for section in run))


def _with_heading(section: Section, path: tuple[str, ...]) -> str:
    if section.path == path:
        return section.text
    return f"{'#' * len(section.path)} {section.path[-1]}\n\n{section.text}".rstrip()


def _common_path(sections: list[Section]) -> tuple[str, ...]:
    path = sections[0].path
    for section in sections:
        while section.path[: len(path)] != path:
            path = path[:-1]
    return path


def _with_table_headers(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield the pieces; one that begins within a table has its header repeated, so that its rows can be read."""
    tables = deque(_TABLE.finditer(text))
    for start, end in spans:
        while tables and tables[0].end() <= start:
            tables.popleft()
        is_within = bool(tables) and tables[0].end("header") <= start
        yield (_repeatable(tables[0]["header"]) if is_within else "") + text[start:end]


def _repeatable(header: str) -> str:
    return header if len(header) <= _WIDEST_REPEATED_HEADER and any(map(str.isalnum, header)) else ""
