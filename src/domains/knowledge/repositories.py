"""Named queries of knowledge."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, bindparam, delete, func, or_, select
from sqlalchemy.orm import selectinload

from src.domains.knowledge.models import Collection, CollectionGroup, Document, StoredPassage
from src.infrastructure.database.unit_of_work import UnitOfWork


def readable_by(group_ids: Ids[UUID]) -> ColumnElement[bool]:
    """Whether a collection may be read by somebody in these groups. The twin of `may_read`, in SQL."""
    return or_(~Collection.readers.any(), Collection.readers.any(CollectionGroup.group_id.in_(group_ids)))


READY_PASSAGES = (
    select(
        StoredPassage.id.label("passage_id"),
        StoredPassage.location,
        StoredPassage.text,
        Document.id.label("document_id"),
        Document.collection_id,
        Document.title,
    )
    .join(Document, StoredPassage.document_id == Document.id)
    .where(StoredPassage.id.in_(bindparam("passage_ids", expanding=True)), Document.status == "ready")
)
READERS = select(CollectionGroup.collection_id, CollectionGroup.group_id).where(
    CollectionGroup.collection_id.in_(bindparam("collection_ids", expanding=True))
)
"""Every turn asks these: built once, columns instead of objects."""


class CollectionRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, collection: Collection) -> None:
        self._uow.session.add(collection)
        self._uow.session.flush()

    def get(self, collection_id: UUID) -> Collection | None:
        return self._uow.session.get(Collection, collection_id, options=[selectinload(Collection.readers)])

    def readable(self, collection_id: UUID, group_ids: Ids[UUID]) -> Collection | None:
        query = select(Collection).where(Collection.id == collection_id, readable_by(group_ids))
        return self._uow.session.scalar(query.options(selectinload(Collection.readers)))

    def by_name(self, name: str) -> Collection | None:
        return self._uow.session.scalar(select(Collection).where(Collection.name == name))

    def page(self, group_ids: Ids[UUID] | None, after: UUID | None, limit: int) -> Sequence[Collection]:
        """Return collections readable by the groups, or all of them when `group_ids` is None."""
        query = select(Collection).options(selectinload(Collection.readers)).order_by(Collection.id)
        if group_ids is not None:
            query = query.where(readable_by(group_ids))
        if after:
            query = query.where(Collection.id > after)
        return self._uow.session.scalars(query.limit(limit)).all()

    def all(self) -> Sequence[Collection]:
        return self._uow.session.scalars(select(Collection).options(selectinload(Collection.readers))).all()

    def readers(self, collection_ids: Ids[UUID]) -> dict[UUID, frozenset[UUID]]:
        """Return the groups that may read each of the collections; none of them: everyone signed in may."""
        readers: dict[UUID, set[UUID]] = {collection_id: set() for collection_id in collection_ids}
        rows = self._uow.connection.execute(READERS, {"collection_ids": list(collection_ids)})
        for collection_id, group_id in rows:
            readers[collection_id].add(group_id)
        return {collection_id: frozenset(groups) for collection_id, groups in readers.items()}

    def document_counts(self, collection_ids: Ids[UUID]) -> dict[UUID, int]:
        query = select(Document.collection_id, func.count()).where(Document.collection_id.in_(collection_ids))
        return {row[0]: row[1] for row in self._uow.session.execute(query.group_by(Document.collection_id))}

    def delete(self, collection: Collection) -> None:
        self._uow.session.delete(collection)


class DocumentRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, document: Document) -> None:
        self._uow.session.add(document)
        self._uow.session.flush()

    def get(self, document_id: UUID) -> Document | None:
        return self._uow.session.get(Document, document_id)

    def page(self, collection_id: UUID, after: UUID | None, limit: int) -> Sequence[Document]:
        query = select(Document).where(Document.collection_id == collection_id).order_by(Document.id)
        return self._uow.session.scalars(
            (query.where(Document.id > after) if after else query).limit(limit)
        ).all()

    def all_ids(self) -> Sequence[UUID]:
        return self._uow.session.scalars(select(Document.id)).all()

    def ids_in(self, collection_id: UUID) -> Sequence[UUID]:
        return self._uow.session.scalars(
            select(Document.id).where(Document.collection_id == collection_id)
        ).all()

    def with_passages(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        query = select(Document.id).where(Document.passage_count > 0).order_by(Document.id)
        return self._uow.session.scalars(
            (query.where(Document.id > after) if after else query).limit(limit)
        ).all()

    def delete(self, document: Document) -> None:
        self._uow.session.delete(document)


class PassageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def replace(self, document_id: UUID, passages: Sequence[StoredPassage]) -> None:
        self._uow.session.execute(delete(StoredPassage).where(StoredPassage.document_id == document_id))
        self._uow.session.add_all(passages)

    def of_document(self, document_id: UUID) -> Sequence[tuple[StoredPassage, Document]]:
        query = select(StoredPassage, Document).join(Document, StoredPassage.document_id == Document.id)
        rows = self._uow.session.execute(
            query.where(Document.id == document_id).order_by(StoredPassage.ordinal)
        )
        return [(passage, document) for passage, document in rows]

    def ready(self, passage_ids: Ids[UUID]) -> dict[UUID, RowMapping]:
        """Return those of the passages that are live, by their ids."""
        found = self._uow.connection.execute(READY_PASSAGES, {"passage_ids": list(passage_ids)})
        return {row["passage_id"]: row for row in found.mappings()}
