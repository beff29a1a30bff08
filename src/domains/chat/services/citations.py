"""Citations: `[n]` in an answer points to the n-th passage that the model was given, or it is dropped."""

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from src.shared.events.knowledge import Passage

MARK = re.compile(r"\s?\[(\d{1,3})\]")
UNFINISHED_MARK = re.compile(r"\s?(\[\d{0,3})?$")


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

    Only a mark that is not complete yet is held back.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._held = ""
        self._cited: set[int] = set()

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; return what may be shown now."""
        text = self._held + text
        unfinished = UNFINISHED_MARK.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return MARK.sub(self._keep_valid, text[:cut])

    def finish(self) -> str:
        """Return what was held back to the end."""
        rest, self._held = self._held, ""
        return rest

    @property
    def citations(self) -> list[Citation]:
        return [_citation(index, self._passages[index - 1]) for index in sorted(self._cited)]

    def _keep_valid(self, mark: re.Match[str]) -> str:
        index = int(mark.group(1))
        if not 1 <= index <= len(self._passages):
            return ""
        self._cited.add(index)
        return mark.group(0)


def _citation(index: int, passage: Passage) -> Citation:
    return Citation(
        index=index,
        document_id=str(passage.document_id),
        passage_id=str(passage.passage_id),
        title=passage.title,
        location=passage.location,
        text=passage.text,
    )
