"""Collections of documents that are shared, and who may read them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.knowledge.models import Collection, CollectionGroup
from src.domains.knowledge.repositories.collections import CollectionRepository
from src.domains.knowledge.repositories.documents import VersionRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.knowledge import (
    CollectionChanged,
    CollectionDeleted,
    CollectionFacts,
    CollectionReadersChanged,
    DocumentDeleted,
)
from src.shared.exceptions.errors import Conflict, NotAllowed, NotFound
from src.shared.middleware.authentication import Principal

COLLECTIONS = "knowledge.collections"
"""The lock of those who decide by what collections there are, by who reads one, or by what is in it."""


class UnknownCollection(NotFound):
    code = "unknown_collection"


class NotYourGroups(NotAllowed):
    code = "not_your_groups"


class CollectionNameTaken(Conflict):
    code = "collection_name_taken"


@dataclass(frozen=True)
class CollectionChange:
    """What of a collection shall change; None leaves it."""

    name: str | None = None
    description: str | None = None
    group_ids: Sequence[UUID] | None = None


@dataclass(frozen=True)
class CollectionOverview:
    """A collection and how many documents are in it."""

    collection: Collection
    document_count: int


class CollectionService:
    """Administrators manage all shared collections, editors those that are for none but their own groups.

    Others see those that their groups may read.

    A change of who may read holds in this process before the call returns.
    """

    def __init__(self, database: Database, shelves_are_current: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._shelves_are_current = shelves_are_current

    async def create(
        self, asker: Principal, name: str, description: str, group_ids: Sequence[UUID]
    ) -> CollectionOverview:
        _check_may_manage(asker, group_ids)

        def create(uow: UnitOfWork) -> CollectionOverview:
            uow.lock(COLLECTIONS)
            _check_name_is_free(uow, name)
            collection = Collection(
                name=name, description=description, created_at=utc_now(), readers=_readers(group_ids)
            )
            CollectionRepository(uow).add(collection)
            record_readers(uow, collection)
            uow.record(CollectionChanged(collection_id=collection.id, after=_facts(collection)))
            return CollectionOverview(collection, 0)

        overview = await self._database.write(create, alone=True)
        await self._shelves_are_current()
        return overview

    async def page(self, asker: Principal, after: UUID | None, limit: int) -> Sequence[CollectionOverview]:
        def page(uow: UnitOfWork) -> Sequence[CollectionOverview]:
            return _overviews(uow, CollectionRepository(uow).page(visible_groups(asker), after, limit))

        return await self._database.read(page)

    async def get(self, asker: Principal, collection_id: UUID) -> CollectionOverview:
        def get(uow: UnitOfWork) -> CollectionOverview:
            return _overviews(uow, [find_collection(uow, asker, collection_id)])[0]

        return await self._database.read(get)

    async def change(
        self, asker: Principal, collection_id: UUID, change: CollectionChange
    ) -> CollectionOverview:
        def apply(uow: UnitOfWork) -> CollectionOverview:
            uow.lock(COLLECTIONS)
            collection = find_managed(uow, asker, collection_id)
            before = _facts(collection)
            if change.name is not None and change.name != collection.name:
                _check_name_is_free(uow, change.name)
                collection.name = change.name
            if change.description is not None:
                collection.description = change.description
            if change.group_ids is not None:
                _check_may_manage(asker, change.group_ids)
                collection.readers.clear()
                uow.session.flush()
                collection.readers.extend(_readers(change.group_ids))
                record_readers(uow, collection)
            uow.record(
                CollectionChanged(collection_id=collection_id, before=before, after=_facts(collection))
            )
            return _overviews(uow, [collection])[0]

        overview = await self._database.write(apply, alone=True)
        await self._shelves_are_current()
        return overview

    async def delete(self, asker: Principal, collection_id: UUID) -> None:
        """Delete a collection with all its documents."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(COLLECTIONS)
            delete_collection(uow, find_managed(uow, asker, collection_id))

        await self._database.write(delete, alone=True)


@dataclass(frozen=True)
class ManagedCollection:
    """Implements `Place`: a collection that is there, and that the asker manages."""

    collection_id: UUID

    def find(self, uow: UnitOfWork, asker: Principal) -> Collection:
        return find_managed(uow, asker, self.collection_id)

    admit = find


@dataclass(frozen=True)
class SharedCollection:
    """A place to look: a collection that is there, and that the asker sees."""

    collection_id: UUID

    def find(self, uow: UnitOfWork, asker: Principal) -> Collection:
        return find_collection(uow, asker, self.collection_id)


def find_managed(uow: UnitOfWork, asker: Principal, collection_id: UUID) -> Collection:
    """Return the shared collection if the asker manages it; for who does not see it, it does not exist."""
    collection = find_collection(uow, asker, collection_id)
    check_manages(asker, collection)
    return collection


def check_manages(asker: Principal, collection: Collection) -> None:
    """Raise unless the asker manages what is in a shared collection."""
    _check_may_manage(asker, collection.group_ids)


def _check_may_manage(asker: Principal, group_ids: Sequence[UUID]) -> None:
    """Editors decide for their own groups, never for others and for everyone: that is an administrator's."""
    if asker.is_admin:
        return
    if not asker.is_editor:
        raise NotAllowed("Only an administrator or an editor may change what is shared.")
    if not group_ids or not set(group_ids) <= set(asker.group_ids):
        raise NotYourGroups(
            "Editors manage what is for their own groups alone. Ask an administrator for the rest."
        )


def find_collection(uow: UnitOfWork, asker: Principal, collection_id: UUID) -> Collection:
    """Return the shared collection if the asker may see it; for anybody else it does not exist."""
    collection = CollectionRepository(uow).shared(collection_id, visible_groups(asker))
    if collection is None:
        raise UnknownCollection("There is no such collection, or you may not see it.")
    return collection


def visible_groups(asker: Principal) -> Sequence[UUID] | None:
    """Return in which groups the asker sees what is shared; None: in all, as administrators do."""
    return None if asker.is_admin else asker.group_ids


def delete_collection(uow: UnitOfWork, collection: Collection) -> None:
    for document_id, version_ids in VersionRepository(uow).ids_in(collection.id).items():
        uow.record(
            DocumentDeleted(
                document_id=document_id, collection_id=collection.id, version_ids=tuple(version_ids)
            )
        )
    CollectionRepository(uow).delete(collection)
    uow.record(
        CollectionDeleted(
            collection_id=collection.id,
            owner_id=collection.owner_id,
            session_id=collection.session_id,
            before=None if collection.owner_id else _facts(collection),
        )
    )


def record_readers(uow: UnitOfWork, collection: Collection) -> None:
    uow.record(
        CollectionReadersChanged(
            collection_id=collection.id,
            group_ids=tuple(collection.group_ids),
            owner_id=collection.owner_id,
            session_id=collection.session_id,
        )
    )


def _facts(collection: Collection) -> CollectionFacts:
    return CollectionFacts(name=collection.name, group_ids=tuple(collection.group_ids))


def _readers(group_ids: Sequence[UUID]) -> list[CollectionGroup]:
    return [CollectionGroup(group_id=group_id) for group_id in dict.fromkeys(group_ids)]


def _check_name_is_free(uow: UnitOfWork, name: str) -> None:
    if CollectionRepository(uow).by_name(name):
        raise CollectionNameTaken("There is a collection of this name.")


def _overviews(uow: UnitOfWork, collections: Sequence[Collection]) -> list[CollectionOverview]:
    counts = CollectionRepository(uow).document_counts([each.id for each in collections])
    return [CollectionOverview(each, counts.get(each.id, 0)) for each in collections]
