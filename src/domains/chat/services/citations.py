"""Citations: `[n]` in an answer points to the n-th passage that the model was given, or it is dropped.

Models also write `[1, 2]`, `[^1]`, `【1】` or `［1］`: what is shown has one number in plain brackets for each.
In code (between backticks) brackets are the code's own.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from src.shared.events.knowledge import Passage

_GAP = r"[^\S\n]?"
_NUMBER = r"\^?\d{1,3}"
_SEPARATOR = rf"{_GAP}[,，、;]{_GAP}"
_MARK = rf"{_GAP}[\[［【]{_GAP}{_NUMBER}(?:{_SEPARATOR}{_NUMBER}){{0,9}}{_GAP}[\]］】]"
# Longer than any mark: what goes on after it is none.
_LONGEST_MARK = 80
_UNFINISHED = re.compile(rf"{_GAP}(?:[\[［【](?:[\d,，、;^]|[^\S\n]){{0,{_LONGEST_MARK}}})?\Z|`+\Z")
_TOKEN = re.compile(rf"(?P<ticks>`+)|(?P<newline>\n)|{_MARK}")
MARK = re.compile(r"\s?\[\d{1,3}\]")
"""A mark as it is shown."""
_DIGITS = re.compile(r"\d+")
_OPENED = re.compile(r"\[\d{0,3}\Z")
_FENCE = 3


class Citation(BaseModel):
    """A passage that an answer rests on, as it was when the answer was given."""

    model_config = ConfigDict(frozen=True)

    index: int
    document_id: str
    passage_id: str
    title: str
    location: str
    text: str


class CitationCheck:
    """Lets an answer through as it streams, without the marks that point to no given passage.

    Only what may become a mark, or a run of backticks, is held back. However the answer is cut into pieces,
    the same comes out.
    """

    def __init__(self, passages: Sequence[Passage] = ()) -> None:
        self._passages = list(passages)
        self._held = ""
        self._shown = ""
        self._code = 0
        self._cited: set[int] = set()

    def add(self, passages: Sequence[Passage]) -> int:
        """Take further passages, which a tool has found; return the number of the first of them."""
        self._passages.extend(passages)
        return len(self._passages) - len(passages) + 1

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; return what may be shown now."""
        text = self._held + text
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return self._checked(text[:cut])

    def finish(self) -> str:
        """Return what was held back to the end."""
        rest, self._held = self._held, ""
        return rest

    @property
    def citations(self) -> list[Citation]:
        return [_citation(index, self._passages[index - 1]) for index in sorted(self._cited)]

    def _checked(self, text: str) -> str:
        pieces, at = [self._shown], 0
        for token in _TOKEN.finditer(text):
            pieces.append(text[at : token.start()])
            pieces.append(self._read(token, "".join(pieces[-2:])))
            at = token.end()
        pieces.append(text[at:])
        shown = "".join(pieces)
        checked, self._shown = shown[len(self._shown) :], shown[-_LONGEST_MARK:]
        return checked

    def _read(self, token: re.Match[str], before: str) -> str:
        written = token.group()
        if token["ticks"]:
            self._code = self._code_after(len(written))
        elif token["newline"]:
            self._code = self._code if self._code >= _FENCE else 0
        elif not self._code:
            return self._valid_marks(written) or _nothing(before)
        return written

    def _code_after(self, ticks: int) -> int:
        """Return how many backticks close the code that these leave open, 0 when none is open."""
        if not self._code:
            return ticks
        closes = ticks >= self._code if self._code >= _FENCE else ticks == self._code
        return 0 if closes else self._code

    def _valid_marks(self, written: str) -> str:
        numbers = [int(number) for number in _DIGITS.findall(written)]
        valid = [number for number in dict.fromkeys(numbers) if 1 <= number <= len(self._passages)]
        if not valid:
            return ""
        self._cited.update(valid)
        gap = written[0] if written[0].isspace() else ""
        return gap + "".join(f"[{number}]" for number in valid)


def _nothing(before: str) -> str:
    """A mark that is left out of "[[9]1]" must not leave another one behind."""
    return " " if _OPENED.search(before) else ""


def _citation(index: int, passage: Passage) -> Citation:
    return Citation(
        index=index,
        document_id=str(passage.document_id),
        passage_id=str(passage.passage_id),
        title=passage.title,
        location=passage.location,
        text=passage.text,
    )


def without_marks(text: str) -> str:
    """Return an answer without its marks of sources."""
    return MARK.sub("", text)
