"""Who may read which collection, in each process's memory, kept by a local subscription."""

from collections.abc import Collection, Sequence
from uuid import UUID

from src.domains.knowledge.repositories import CollectionRepository
from src.infrastructure.database.database import Database
from src.shared.events.base import DomainEvent
from src.shared.events.knowledge import CollectionDeleted, CollectionReadersChanged


class Shelves:
    """The collections with the groups that may read them; no groups: everyone signed in.

    Implements `Replica`: made from the collections at start-up, it follows the log from there, so that a
    search needs no query to know where it may look.
    """

    EVENTS = (CollectionReadersChanged, CollectionDeleted)

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: dict[UUID, frozenset[UUID]] = {}

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        collections = await self._database.read(lambda uow: CollectionRepository(uow).all())
        self._readers = {each.id: frozenset(each.group_ids) for each in collections}

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        for event in events:
            match event:
                case CollectionReadersChanged():
                    self._readers[event.collection_id] = frozenset(event.group_ids)
                case CollectionDeleted():
                    self._readers.pop(event.collection_id, None)

    def readable_by(self, group_ids: Collection[UUID]) -> list[UUID]:
        """Return the collections that somebody in these groups may read."""
        return [
            collection_id for collection_id, readers in self._readers.items() if may_read(readers, group_ids)
        ]


def may_read(readers: frozenset[UUID], group_ids: Collection[UUID]) -> bool:
    """Whether somebody in these groups may read a collection with these readers; no readers: everyone may."""
    return not readers or not readers.isdisjoint(group_ids)
