"""Named queries of collections, and the rule of who may see them, in SQL."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import selectinload

from src.domains.knowledge.models import Collection, CollectionGroup, Document
from src.infrastructure.database.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Shelf:
    """For whom a collection is: members of these groups (none: everyone signed in), or its owner in a session."""

    readers: frozenset[UUID]
    owner_id: UUID | None = None
    session_id: UUID | None = None


def shared_with(group_ids: Ids[UUID] | None) -> ColumnElement[bool]:
    """Whether a collection is shared, and with somebody in these groups; None: with whomever."""
    shared = Collection.owner_id.is_(None)
    if group_ids is None:
        return shared
    members = Collection.readers.any(CollectionGroup.group_id.in_(group_ids))
    return and_(shared, or_(~Collection.readers.any(), members))


def visible_to(user_id: UUID, group_ids: Ids[UUID] | None) -> ColumnElement[bool]:
    """Whether a collection is somebody's own, or shared with them."""
    return or_(Collection.owner_id == user_id, shared_with(group_ids))


_SHELVES: Select[UUID, UUID | None, UUID | None, UUID | None] = select(
    Collection.id, Collection.owner_id, Collection.session_id, CollectionGroup.group_id
).outerjoin(CollectionGroup, CollectionGroup.collection_id == Collection.id)
_SHELVES_OF = _SHELVES.where(Collection.id.in_(bindparam("collection_ids", expanding=True)))
"""Every turn asks this: built once, columns instead of objects."""


class CollectionRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, collection: Collection) -> None:
        self._uow.session.add(collection)
        self._uow.session.flush()

    def holding(self, document_id: UUID) -> Collection:
        """Return the collection that a document is in."""
        query = select(Collection).join(Document).where(Document.id == document_id)
        return self._uow.session.scalars(query.options(selectinload(Collection.readers))).one()

    def shared(self, collection_id: UUID, group_ids: Ids[UUID] | None) -> Collection | None:
        """Return the collection if it is shared with somebody in these groups; None: with whomever."""
        query = select(Collection).where(Collection.id == collection_id, shared_with(group_ids))
        return self._uow.session.scalar(query.options(selectinload(Collection.readers)))

    def own(self, owner_id: UUID, session_id: UUID) -> Collection | None:
        """Return the collection of what this person has put into the session."""
        query = select(Collection).where(Collection.owner_id == owner_id, Collection.session_id == session_id)
        return self._uow.session.scalar(query.options(selectinload(Collection.readers)))

    def by_name(self, name: str) -> Collection | None:
        return self._uow.session.scalar(select(Collection).where(Collection.name == name))

    def page(self, group_ids: Ids[UUID] | None, after: UUID | None, limit: int) -> Sequence[Collection]:
        """Return collections shared with somebody in these groups; None: with whomever."""
        query = select(Collection).where(shared_with(group_ids)).order_by(Collection.id)
        if after:
            query = query.where(Collection.id > after)
        return self._uow.session.scalars(query.options(selectinload(Collection.readers)).limit(limit)).all()

    def all_shelves(self) -> dict[UUID, Shelf]:
        return _shelves(self._uow.connection.execute(_SHELVES).all())

    def shelves(self, collection_ids: Ids[UUID]) -> dict[UUID, Shelf]:
        """Return for whom each of the collections is that are still there."""
        return _shelves(
            self._uow.connection.execute(_SHELVES_OF, {"collection_ids": list(collection_ids)}).all()
        )

    def document_counts(self, collection_ids: Ids[UUID]) -> dict[UUID, int]:
        query = select(Document.collection_id, func.count()).where(Document.collection_id.in_(collection_ids))
        return {row[0]: row[1] for row in self._uow.session.execute(query.group_by(Document.collection_id))}

    def delete(self, collection: Collection) -> None:
        self._uow.session.delete(collection)


def _shelves(rows: Sequence[Row[UUID, UUID | None, UUID | None, UUID | None]]) -> dict[UUID, Shelf]:
    readers: dict[UUID, set[UUID]] = {}
    owners: dict[UUID, tuple[UUID | None, UUID | None]] = {}
    for collection_id, owner_id, session_id, group_id in rows:
        owners[collection_id] = owner_id, session_id
        readers.setdefault(collection_id, set())
        if group_id:
            readers[collection_id].add(group_id)
    return {each: Shelf(frozenset(readers[each]), *owners[each]) for each in owners}
