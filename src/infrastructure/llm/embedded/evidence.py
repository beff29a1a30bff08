"""Passages as evidence: their sentences, list items and table rows, each with what stands around it."""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache

from src.domains.chat.services.ports import Prompt
from src.infrastructure.llm.embedded.question import Concept
from src.shared.events.knowledge import Passage
from src.shared.language import Language, analyze, detect_language, normalize, split_sentences

# Bounds on the work for one answer; retrieval gives six passages of 1,000 characters.
_MOST_PASSAGES = 20
_LONGEST_PASSAGE = 4_000
_LONGEST_TITLE_LINE = 40
_LONGEST_ITEM = 200
# A word found by its letters alone, as the dictionary cuts it differently here and there.
_SAME_LETTERS = 0.9
_SAME_FAMILY = 0.6
_SHORTEST_FAMILY = 5

_ITEM = re.compile(r"^\s*(?:[-*+•·◦○▪‣※◆■□▶]|\(?\d{1,2}[.)](?=\s)|[①-⑳]|[가-하][.)](?=\s)|\([가-하]\))\s*")
_HEADING = re.compile(r"^#{1,6}\s+")
_LEAD_IN = re.compile(
    r"(?::|다음과 같(?:다|습니다|음)\.?|아래(?: 표)?와 같(?:다|습니다|음)\.?|as follows\.?)\W*$",
    re.IGNORECASE,
)
_SENTENCE_CLOSED = re.compile(r"[.!?。:;,…]\W*$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
# Footnote marks of the document ("[12]") would look like citations of ours.
_FOOTNOTE = re.compile(r"\s?\[(?:\d{1,3}|[a-z]|note \d+)\]")
_MARKUP = re.compile(r"\*\*|__|`+|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)|<br\s*/?>")


class UnitKind(Enum):
    SENTENCE = auto()
    ITEM = auto()
    ROW = auto()
    HEADING = auto()
    HEADER = auto()


@dataclass(frozen=True)
class Unit:
    """A piece that can be taken into an answer.

    `heading` and `lead_in` are the places of the units that it stands under; `announces` tells that a list
    follows which completes it ("as follows:").
    """

    kind: UnitKind
    text: str
    terms: dict[str, int]
    squeezed: str
    heading: int | None = None
    lead_in: int | None = None
    announces: bool = False

    def strength(self, concept: Concept) -> float:
        """Tell how well the unit names the concept: 1 by its own term, less by a synonym, 0 not at all."""
        best = max((strength for form, strength in concept.forms.items() if form in self.terms), default=0.0)
        if (
            best < 1.0
            and len(concept.whole) > 1
            and is_hangul(concept.whole)
            and concept.whole in self.squeezed
        ):
            return _SAME_LETTERS
        if best == 0.0 and any(self._has_relative(form) for form in concept.forms):
            return _SAME_FAMILY
        return best

    def _has_relative(self, form: str) -> bool:
        """Whether another word of the same family stands here ("patriarch", "patriarchi")."""
        if len(form) < _SHORTEST_FAMILY or not form.isascii():
            return False
        stem = form[: max(_SHORTEST_FAMILY, len(form) - 2)]
        return any(term.startswith(stem) and abs(len(term) - len(form)) <= 3 for term in self.terms)

    def place(self, concept: Concept) -> int | None:
        """Return where the unit first names the concept, as a number of characters."""
        places = [self.terms[form] for form in concept.forms if form in self.terms]
        found = self.text.lower().find(concept.whole)
        return min(places, default=found if found >= 0 else None)


@dataclass(frozen=True)
class Evidence:
    """One passage, read. `number` is what a citation calls it."""

    number: int
    units: tuple[Unit, ...]
    location: Unit
    title: Unit
    language: Language


def read_evidence(prompt: Prompt) -> list[Evidence]:
    """Read the passages of a prompt; what was read lately is remembered."""
    return [
        _with_number(number, passage)
        for number, passage in enumerate(prompt.passages[:_MOST_PASSAGES], start=1)
    ]


def _with_number(number: int, passage: Passage) -> Evidence:
    text = passage.text[:_LONGEST_PASSAGE]
    # A heading path begins with the document's own title: that tells no more than the title does.
    document, _, path = passage.location[:300].partition(" > ")
    title = f"{passage.title[:300]} {document}"
    return Evidence(number, _units(text), _heading(path), _heading(title), detect_language(text))


@lru_cache(maxsize=512)
def _heading(text: str) -> Unit:
    return _unit(UnitKind.HEADING, text)


@lru_cache(maxsize=512)
def _units(text: str) -> tuple[Unit, ...]:
    reader = _Reader()
    raw_units = split_sentences(text)
    for at, raw in enumerate(raw_units):
        reader.take(raw, raw_units[at + 1] if at + 1 < len(raw_units) else "")
    return tuple(reader.units)


class _Reader:
    """Goes through the units of a passage and remembers under which heading and lead-in each stands."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self._heading: int | None = None
        self._lead_in: int | None = None
        self._in_table = False

    def take(self, raw: str, following: str) -> None:
        if raw.startswith("|"):
            self._row(raw, following)
            return
        self._in_table = False
        if _HEADING.match(raw) or _is_title_line(raw, following):
            self._add(UnitKind.HEADING, _clean(_HEADING.sub("", raw)))
            self._heading, self._lead_in = len(self.units) - 1, None
        elif _ITEM.match(raw):
            self._item(_clean(_ITEM.sub("", raw)))
        else:
            before_list = following.startswith("|") or bool(_ITEM.match(following))
            self._add(UnitKind.SENTENCE, _clean(raw), announces=before_list and bool(_LEAD_IN.search(raw)))
            self._lead_in = len(self.units) - 1 if before_list else None

    def _item(self, text: str) -> None:
        lead_in = self._lead_in
        pieces = split_sentences(text) if len(text) > _LONGEST_ITEM else [text]
        for piece in pieces:
            self._add(UnitKind.ITEM, piece, lead_in)

    def _row(self, raw: str, following: str) -> None:
        cells = [_clean(cell) for cell in raw.strip().strip("|").split("|")]
        if not self._in_table and following.startswith("|"):
            self._header_cells = cells
            self._header_lead_in = self._lead_in
            self._in_table = True
            self._add(UnitKind.HEADER, " / ".join(cell for cell in cells if cell), self._lead_in)
            self._lead_in = len(self.units) - 1
            return
        headers = (
            self._header_cells
            if self._in_table and len(self._header_cells) == len(cells)
            else [""] * len(cells)
        )
        pairs = [
            f"{header}: {cell}" if header else cell
            for header, cell in zip(headers, cells, strict=True)
            if cell
        ]
        self._add(UnitKind.ROW, ", ".join(pairs), self._lead_in)

    def _add(self, kind: UnitKind, text: str, lead_in: int | None = None, announces: bool = False) -> None:
        self.units.append(
            replace(_unit(kind, text), heading=self._heading, lead_in=lead_in, announces=announces)
        )


def _unit(kind: UnitKind, text: str) -> Unit:
    text = normalize(text)
    terms: dict[str, int] = {}
    for term in analyze(text):
        terms.setdefault(term.text, term.start)
    return Unit(kind, text, terms, "".join(text.lower().split()))


def _is_title_line(raw: str, following: str) -> bool:
    """A short line without an end mark, before more text, names what follows ("**연차 휴가**")."""
    plain = raw.strip("*_ ")
    if not following or len(plain) > _LONGEST_TITLE_LINE or _ITEM.match(raw):
        return False
    return not _SENTENCE_CLOSED.search(plain) and not any(character.isdigit() for character in plain)


def _clean(text: str) -> str:
    """Take off Markdown and footnote marks: the answer is read as plain text."""
    text = _LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    return " ".join(_MARKUP.sub("", text).replace("\\", "").split())


def is_hangul(text: str) -> bool:
    return all("가" <= character <= "힣" for character in text)
