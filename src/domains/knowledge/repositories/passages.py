"""Named queries of passages."""

from collections.abc import Collection as Ids
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, and_, bindparam, delete, select

from src.domains.knowledge.models import Document, StoredPassage
from src.infrastructure.database.unit_of_work import UnitOfWork

READY_PASSAGES = (
    select(
        StoredPassage.id.label("passage_id"),
        StoredPassage.location,
        StoredPassage.text,
        Document.id.label("document_id"),
        Document.collection_id,
        Document.title,
    )
    .join(
        Document,
        and_(Document.id == StoredPassage.document_id, Document.live_version_id == StoredPassage.version_id),
    )
    .where(StoredPassage.id.in_(bindparam("passage_ids", expanding=True)))
)
"""Every turn asks this: built once, columns instead of objects."""


class PassageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def replace(self, version_id: UUID, passages: Sequence[StoredPassage]) -> None:
        self._uow.session.execute(delete(StoredPassage).where(StoredPassage.version_id == version_id))
        self._uow.session.add_all(passages)

    def of_document(self, document_id: UUID) -> Sequence[tuple[StoredPassage, Document]]:
        """Return what an index takes: the passages of the live version and those that are prepared."""
        query = select(StoredPassage, Document).join(Document, StoredPassage.document_id == Document.id)
        rows = self._uow.session.execute(
            query.where(Document.id == document_id).order_by(StoredPassage.version_id, StoredPassage.ordinal)
        )
        return [(passage, document) for passage, document in rows]

    def page(self, version_id: UUID, after: int, limit: int) -> Sequence[StoredPassage]:
        """Return passages of a version in reading order, from behind an ordinal."""
        query = select(StoredPassage).where(StoredPassage.version_id == version_id)
        query = query.where(StoredPassage.ordinal > after).order_by(StoredPassage.ordinal)
        return self._uow.session.scalars(query.limit(limit)).all()

    def ordinal(self, version_id: UUID, passage_id: UUID) -> int | None:
        of_version = StoredPassage.id == passage_id, StoredPassage.version_id == version_id
        return self._uow.session.scalar(select(StoredPassage.ordinal).where(*of_version))

    def ready(self, passage_ids: Ids[UUID]) -> dict[UUID, RowMapping]:
        """Return those of the passages that are live, by their ids."""
        found = self._uow.connection.execute(READY_PASSAGES, {"passage_ids": list(passage_ids)})
        return {row["passage_id"]: row for row in found.mappings()}
