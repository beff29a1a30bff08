"""Sections into passages: of a size that a model and a reader can take in, cut where the text allows it."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

from semantic_text_splitter import TextSplitter

from src.domains.knowledge.services.ports import PassageDraft
from src.infrastructure.documents.sections import Section
from src.infrastructure.documents.tokens import token_estimate

_TABLE = re.compile(r"^(?P<header>\|[^\n]*\n\|[ :|]*-[ :|-]*\n)(?:\|[^\n]*(?:\n|\Z))*", re.MULTILINE)
_SENTENCE_START = re.compile(r"(?<=[.!?。…])[\"'”’)\]]*\s+(?=\S)|\n+(?=\S)")
_WIDEST_REPEATED_HEADER = 120
_WINDOW_CHARACTERS_PER_TOKEN = 30
_CHARACTERS_PER_TOKEN = 6

Span = tuple[int, int]


class Chunker:
    """Cuts sections into passages of three quarters of `largest` to `largest` tokens, where there is enough.

    Neighbouring sections below a fifth of that under the same heading are put together; they keep their own
    headings in the text. A passage that goes on within a section begins with the last whole sentences of the one
    before, up to `overlap` tokens of them.
    """

    def __init__(self, largest: int, overlap: int = 0) -> None:
        self._largest = largest
        self._overlap = overlap
        self._tiny = largest // 5
        # For Markdown too: the Markdown splitter would rather cut at a bold word than between two sentences.
        self._splitter = TextSplitter.from_callback(token_estimate, (largest * 3 // 4, largest))

    def cut(self, sections: Iterable[Section]) -> Iterator[PassageDraft]:
        for section in self._merged(sections):
            for text in self._pieces(section.text):
                if any(character.isalnum() for character in text):
                    yield PassageDraft(text, section.location)

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
        sizes = [token_estimate(part.text) for part in together]
        return (
            bool(common)
            and all(len(part.path) <= len(common) + 1 for part in together)
            and max(sizes) < self._tiny
            and sum(sizes) <= self._largest
        )

    def _pieces(self, text: str) -> Iterator[str]:
        spans = self._without_crumbs(text, self._spans(text))
        tables = [(table, table.end("header")) for table in _TABLE.finditer(text)]
        return self._readable(text, spans, deque(tables))

    def _without_crumbs(self, text: str, spans: Iterable[Span]) -> list[Span]:
        """Join a tiny piece with what follows it, the last with what it ends, even a little over the size."""
        whole: list[Span] = []
        for start, end in spans:
            if whole and self._is_tiny(text, whole[-1]) and self._fits(text, whole[-1][0], end):
                start = whole.pop()[0]
            whole.append((start, end))
        if len(whole) > 1 and self._is_tiny(text, whole[-1]):
            whole[-2:] = [(whole[-2][0], whole[-1][1])]
        return whole

    def _is_tiny(self, text: str, span: Span) -> bool:
        return token_estimate(text[slice(*span)]) < self._tiny

    def _fits(self, text: str, start: int, end: int) -> bool:
        return token_estimate(text[start:end]) <= self._largest + self._tiny

    def _spans(self, text: str) -> Iterator[Span]:
        """Yield where the pieces start and end.

        The splitter's time grows with the square of what it is given, so it sees a window at a time; a window's
        last piece may be cut off by the window's end and begins the next one.
        """
        window_start = 0
        while window_start < len(text):
            window_end = window_start + _WINDOW_CHARACTERS_PER_TOKEN * self._largest
            pieces = self._splitter.chunk_indices(text[window_start:window_end])
            next_start = window_end
            if len(pieces) > 1 and window_end < len(text):
                next_start = window_start + pieces.pop()[0]
            for start, piece in pieces:
                yield window_start + start, window_start + start + len(piece)
            window_start = next_start

    def _readable(
        self, text: str, spans: Iterable[Span], tables: deque[tuple[re.Match[str], int]]
    ) -> Iterator[str]:
        """Yield the pieces; one that goes on within a table has its header repeated, so that its rows can be
        read, any other the sentences before it."""
        after_table = 0
        for start, end in spans:
            while tables and tables[0][0].end() < start:
                after_table = tables.popleft()[0].end()
            if tables and tables[0][1] <= start < tables[0][0].end():
                yield _repeatable(tables[0][0]["header"]) + text[start:end]
            elif tables and tables[0][0].end() == start:
                yield text[start:end]
            else:
                yield text[self._overlap_start(text, after_table, start) : end]

    def _overlap_start(self, text: str, earliest: int, start: int) -> int:
        """Return where the whole sentences before `start` begin that fit into the overlap, or `start`."""
        if not self._overlap or not start:
            return start
        earliest = max(earliest, start - self._overlap * _CHARACTERS_PER_TOKEN)
        begins = (found.end() for found in _SENTENCE_START.finditer(text, earliest, start))
        return next((at for at in begins if token_estimate(text[at:start]) <= self._overlap), start)


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


def _repeatable(header: str) -> str:
    return (
        header if token_estimate(header) <= _WIDEST_REPEATED_HEADER and any(map(str.isalnum, header)) else ""
    )
