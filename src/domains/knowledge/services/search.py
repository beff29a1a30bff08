"""Finding passages: the finder proposes, the database decides what may be shown."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.knowledge.repositories.collections import CollectionRepository
from src.domains.knowledge.repositories.passages import PassageRepository
from src.domains.knowledge.services.ports import Hit, Match, PassageFinder
from src.domains.knowledge.services.shelves import Asker, Shelves, may_find
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.knowledge import Passage, PassageMatch
from src.shared.language import analyze, normalize, search_terms

DEEPER = 4
"""How many times as many hits are looked at where some of them may not be shown."""


@dataclass(frozen=True)
class _Proposal:
    """What was found for somebody, best first."""

    hits: Sequence[Hit]
    asker: Asker


class SearchService:
    """Searches what is shared with the asker's groups, and what the asker has put into their session."""

    def __init__(self, database: Database, finder: PassageFinder, shelves: Shelves) -> None:
        self._database = database
        self._finder = finder
        self._shelves = shelves

    async def search(
        self, query: str, asker: Asker, limit: int, within: Collection[UUID] | None = None
    ) -> list[Passage]:
        """Return the best passages, best first; `within` narrows the search to these shared collections.

        The finder is asked for what the asker may find alone. Text, rights and liveness are then read from
        the database, so a passage that was deleted or revoked meanwhile does not appear.
        """
        collection_ids = self._shelves.searched_for(asker, within)
        for depth in (limit, DEEPER * limit):
            hits = await self._finder.find(query, collection_ids, depth)
            if not hits:
                return []
            shown = await self._database.read_together(self._shown, _Proposal(hits, asker))
            # A version that is prepared or was just replaced must not take the places of what is live.
            if len(shown) >= limit or len(hits) < depth:
                break
        return shown[:limit]

    async def search_with_words(
        self, query: str, asker: Asker, limit: int, within: Collection[UUID] | None = None
    ) -> list[Passage]:
        """Search, and tell which of the query's words stand in each passage: a look at every text."""
        passages = await self.search(query, asker, limit, within)
        return await asyncio.to_thread(lambda: [_with_words(query, passage) for passage in passages])

    def _shown(self, uow: UnitOfWork, proposals: Sequence[_Proposal]) -> list[list[Passage]]:
        found = PassageRepository(uow).ready({hit.passage_id for each in proposals for hit in each.hits})
        shelves = CollectionRepository(uow).shelves({row["collection_id"] for row in found.values()})
        return [
            [
                Passage(**found[hit.passage_id], score=hit.score, matches=_told(hit.matches))
                for hit in proposal.hits
                if hit.passage_id in found
                and may_find(shelves[found[hit.passage_id]["collection_id"]], proposal.asker)
            ]
            for proposal in proposals
        ]


def _told(matches: Sequence[Match]) -> tuple[PassageMatch, ...]:
    return tuple(PassageMatch(arm=each.arm, score=each.score, words=each.words) for each in matches)


def _with_words(query: str, passage: Passage) -> Passage:
    text = normalize(query)
    terms = set(search_terms(f"{passage.title}\n{passage.location}\n{passage.text}"))
    words = dict.fromkeys(text[term.start : term.end] for term in analyze(query) if term.text in terms)
    matches = tuple(
        each.model_copy(update={"words": tuple(words)}) if each.arm == "words" else each
        for each in passage.matches
    )
    return passage.model_copy(update={"matches": matches})
