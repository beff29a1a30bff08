"""Named queries of the vectors of passages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, and_, delete, func, or_, select, update

from src.domains.knowledge.models import Document, DocumentVersion, PassageVector, StoredPassage
from src.infrastructure.database.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class PassageToEmbed:
    passage_id: UUID
    ordinal: int
    location: str
    text: str


class VectorRepository:
    """Vectors of passages, and which versions still want theirs."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def models(self) -> Sequence[str]:
        """Return the names of the models that versions were embedded by, the most common first."""
        query = select(DocumentVersion.embedded_by).where(DocumentVersion.embedded_by.is_not(None))
        counted = query.group_by(DocumentVersion.embedded_by).order_by(func.count().desc())
        return [name for name in self._uow.session.scalars(counted) if name]

    def next_unembedded(
        self, model: str, now: datetime, *, claiming: bool = False
    ) -> tuple[DocumentVersion, Document] | None:
        """Return a live version without vectors of this model that nobody is making, those without any first.

        When `claiming` it is locked, and what others have locked is passed over.
        """
        free = or_(DocumentVersion.embedding_until.is_(None), DocumentVersion.embedding_until <= now)
        for query in _unembedded(model):
            query = query.where(free).limit(1)
            if claiming:
                query = query.with_for_update(of=DocumentVersion, skip_locked=True)
            for version, document in self._uow.session.execute(query):
                return version, document
        return None

    def is_any_unembedded(self, model: str) -> bool:
        return any(self._uow.session.execute(query.limit(1)).first() for query in _unembedded(model))

    def locked(self, version_id: UUID) -> DocumentVersion | None:
        return self._uow.session.get(DocumentVersion, version_id, with_for_update=True)

    def end_leases(self, now: datetime) -> None:
        expired = update(DocumentVersion).where(DocumentVersion.embedding_until > now)
        self._uow.session.execute(expired.values(embedding_until=None))

    def missing(self, version_id: UUID, model: str, after: int, limit: int) -> Sequence[PassageToEmbed]:
        """Return passages of the version without a vector, in reading order, from behind an ordinal."""
        vector = and_(PassageVector.passage_id == StoredPassage.id, PassageVector.model == model)
        query = (
            select(StoredPassage.id, StoredPassage.ordinal, StoredPassage.location, StoredPassage.text)
            .outerjoin(PassageVector, vector)
            .where(StoredPassage.version_id == version_id, StoredPassage.ordinal > after)
            .where(PassageVector.passage_id.is_(None))
            .order_by(StoredPassage.ordinal)
            .limit(limit)
        )
        return [PassageToEmbed(*row) for row in self._uow.session.execute(query)]

    def add(self, vectors: Iterable[PassageVector]) -> None:
        self._uow.session.add_all(vectors)

    def of_document(self, document_id: UUID, model: str) -> dict[UUID, NDArray[np.float32]]:
        query = (
            select(PassageVector.passage_id, PassageVector.vector)
            .join(StoredPassage, StoredPassage.id == PassageVector.passage_id)
            .where(StoredPassage.document_id == document_id, PassageVector.model == model)
        )
        rows = self._uow.session.execute(query)
        return {row[0]: np.frombuffer(row[1], dtype="<f2").astype(np.float32) for row in rows}

    def delete_foreign(self, model: str, limit: int) -> int:
        """Delete some of other models' vectors; return how many."""
        foreign = select(PassageVector.passage_id).where(PassageVector.model != model).limit(limit)
        ids = self._uow.session.scalars(foreign).all()
        gone = delete(PassageVector).where(PassageVector.passage_id.in_(ids), PassageVector.model != model)
        self._uow.session.execute(gone)
        return len(ids)


def _unembedded(model: str) -> list[Select[DocumentVersion, Document]]:
    """Return queries for live versions without vectors of this model, each of them a look into the index."""
    live = and_(Document.id == DocumentVersion.document_id, Document.live_version_id == DocumentVersion.id)
    embedded_by = DocumentVersion.embedded_by
    return [
        select(DocumentVersion, Document)
        .join(Document, live)
        .where(other)
        .order_by(embedded_by, DocumentVersion.id)
        for other in (embedded_by.is_(None), embedded_by < model, embedded_by > model)
    ]
