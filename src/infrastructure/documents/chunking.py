"""Sections into passages: of a size that a model and a reader can take in, cut where the text allows it."""

import re
from collections.abc import Iterable, Iterator

from semantic_text_splitter import TextSplitter

from src.domains.knowledge.services.ports import PassageDraft
from src.infrastructure.documents.sections import Section

_TABLE_RULE = re.compile(r"\|?[ :|-]*-[ :|-]*")
_WIDEST_REPEATED_HEADER = 300


class Chunker:
    """Cuts sections into passages of `smallest` to `largest` characters, where there is enough text.

    Neighbouring sections below `tiny` characters under the same heading are put together; they keep their
    own headings in the text.
    """

    def __init__(self, smallest: int, largest: int, overlap: int, tiny: int) -> None:
        self._largest = largest
        self._tiny = tiny
        # For Markdown too: the Markdown splitter would rather cut at a bold word than between two sentences.
        self._splitter = TextSplitter((smallest, largest), overlap)

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

    def _pieces(self, text: str) -> list[str]:
        spans = [(start, start + len(piece)) for start, piece in self._splitter.chunk_indices(text)]
        if len(spans) > 1 and spans[-1][1] - spans[-1][0] < self._tiny:
            # A last crumb says more with what it ends than alone, even a little over the size.
            spans[-2:] = [(spans[-2][0], spans[-1][1])]
        return [_table_header_for(text, start) + text[start:end] for start, end in spans]


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


def _table_header_for(text: str, start: int) -> str:
    """Return the header of the table that `start` stands within, so that a cut table can still be read."""
    if not text.startswith("|", start):
        return ""
    rows: list[str] = []
    for line in reversed(text[:start].rstrip("\n").split("\n")):
        if not line.startswith("|"):
            break
        rows.append(line)
    if len(rows) < 2 or not _TABLE_RULE.fullmatch(rows[-2]):
        return ""
    header = f"{rows[-1]}\n{rows[-2]}\n"
    return header if len(header) <= _WIDEST_REPEATED_HEADER and rows[-1].strip("| ") else ""
