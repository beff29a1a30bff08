"""Who may search which collection, in each process's memory, kept by a local subscription."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.knowledge.repositories.collections import CollectionRepository, Shelf
from src.infrastructure.database.database import Database
from src.shared.events.base import DomainEvent
from src.shared.events.knowledge import CollectionDeleted, CollectionReadersChanged


@dataclass(frozen=True)
class Asker:
    """For whom is searched: what is shared with their groups, and what they have put into this session."""

    group_ids: Collection[UUID]
    user_id: UUID | None = None
    session_id: UUID | None = None


class Shelves:
    """The shared collections with the groups that may read them, and people's own ones by their sessions.

    Implements `Replica`: made from the collections at start-up, it follows the log from there, so that a
    search needs no query to know where it may look.
    """

    EVENTS = (CollectionReadersChanged, CollectionDeleted)

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: dict[UUID, frozenset[UUID]] = {}
        self._own: dict[tuple[UUID | None, UUID | None], UUID] = {}

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        shelves = await self._database.read(lambda uow: CollectionRepository(uow).all_shelves())
        self._readers, self._own = {}, {}
        for collection_id, shelf in shelves.items():
            self._put(collection_id, shelf)

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        for event in events:
            match event:
                case CollectionReadersChanged():
                    shelf = Shelf(frozenset(event.group_ids), event.owner_id, event.session_id)
                    self._put(event.collection_id, shelf)
                case CollectionDeleted():
                    self._remove(event)

    def searched_for(self, asker: Asker, within: Collection[UUID] | None) -> list[UUID]:
        """Return the collections shared with the asker, only those `within`, and what is in their session."""
        shared = [
            collection_id
            for collection_id, readers in self._readers.items()
            if (within is None or collection_id in within) and is_shared_with(readers, asker.group_ids)
        ]
        own = self._own.get((asker.user_id, asker.session_id))
        return [*shared, own] if own else shared

    def _put(self, collection_id: UUID, shelf: Shelf) -> None:
        if shelf.owner_id:
            self._own[shelf.owner_id, shelf.session_id] = collection_id
        else:
            self._readers[collection_id] = shelf.readers

    def _remove(self, event: CollectionDeleted) -> None:
        self._readers.pop(event.collection_id, None)
        session = event.owner_id, event.session_id
        if self._own.get(session) == event.collection_id:  # it may be another one by now
            del self._own[session]


def may_find(shelf: Shelf, asker: Asker) -> bool:
    """Whether a search for the asker may show what is in a collection."""
    if shelf.owner_id:
        return (shelf.owner_id, shelf.session_id) == (asker.user_id, asker.session_id)
    return is_shared_with(shelf.readers, asker.group_ids)


def is_shared_with(readers: frozenset[UUID], group_ids: Collection[UUID]) -> bool:
    """Whether a shared collection may be read in these groups; no readers: everyone may. Twin of `shared_with`."""
    return not readers or not readers.isdisjoint(group_ids)
