"""The search over all that somebody has asked and been answered."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from src.domains.chat.repositories.search import MessageSearchRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.exceptions.errors import InvalidRequest

EXCERPT_CHARACTERS = 160
BEFORE_HIT = 60
MOST_WORDS = 20
CHUNK = 200
"""Messages that are looked at closely at once; the longest page has as many."""


class BadSearch(InvalidRequest):
    code = "bad_search"


@dataclass(frozen=True)
class Hit:
    """A message that holds every word, and a piece of it around the first of them."""

    id: UUID
    session_id: UUID
    session_title: str
    role: str
    excerpt: str
    created_at: datetime


class MessageSearch:
    """Finds messages by pieces of words, for Korean particles stand at their end: 연차 is in 연차를."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, user_id: UUID, query: str, before: UUID | None, limit: int) -> list[Hit]:
        """Return messages that hold every word of the query, in whichever case, newest first."""
        words = list(dict.fromkeys(unicodedata.normalize("NFC", query).split()))
        if not 0 < len(words) <= MOST_WORDS:
            raise BadSearch(f"Search for at least one word, and for {MOST_WORDS} at the most.")

        def search(uow: UnitOfWork) -> list[Hit]:
            return _search(MessageSearchRepository(uow), user_id, words, before, limit)

        return await self._database.read(search)


def _search(
    messages: MessageSearchRepository, user_id: UUID, words: Sequence[str], before: UUID | None, limit: int
) -> list[Hit]:
    forms = [_forms(word) for word in words]
    folded = [word.casefold() for word in words]
    hits: list[Hit] = []
    while len(hits) < limit:
        rows = messages.holding(user_id, forms, before, CHUNK)
        hits += [hit for row in rows if (hit := _hit(row, folded))]
        if len(rows) < CHUNK:
            break
        before = rows[-1]["id"]
    return hits[:limit]


def _forms(word: str) -> Sequence[str]:
    """Return the ways in which a word is written.

    Databases fold the case of ASCII letters, and not all of them that of others. And a text may have come in
    with its syllables and accents taken apart, as files on a Mac are named.
    """
    cases = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return sorted({unicodedata.normalize(form, each) for each in cases for form in ("NFC", "NFD")})


def _hit(row: RowMapping, words: Sequence[str]) -> Hit | None:
    """Look closer than the database can: 가 taken apart is a piece of 각 taken apart."""
    text = " ".join(unicodedata.normalize("NFC", row["content"]).split())
    folded = text.casefold()
    places = [folded.find(word) for word in words]
    if -1 in places:
        return None
    excerpt = _excerpt(text, min(places))
    return Hit(row["id"], row["session_id"], row["title"], row["role"], excerpt, row["created_at"])


def _excerpt(text: str, place: int) -> str:
    start = max(0, min(place - BEFORE_HIT, len(text) - EXCERPT_CHARACTERS))
    end = start + EXCERPT_CHARACTERS
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"
