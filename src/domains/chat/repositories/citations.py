"""Named queries of what answers hold of documents."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from src.domains.chat.models import CitedDocument, DeletedDocument, Message
from src.infrastructure.database.unit_of_work import UnitOfWork

MESSAGES = Message.metadata.tables[Message.__tablename__]
REPLACE_CITATIONS = update(MESSAGES).where(MESSAGES.c.id == bindparam("citing_id"))


class CitationRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def note_deleted(self, document_id: UUID, now: datetime) -> None:
        if self._uow.session.get(DeletedDocument, document_id) is None:
            self._uow.session.execute(insert(DeletedDocument).values(document_id=document_id, noted_at=now))

    def forget_deleted(self, before: datetime) -> None:
        """Stop looking for documents that were deleted so long ago that no answer can come to cite them."""
        self._uow.session.execute(delete(DeletedDocument).where(DeletedDocument.noted_at < before))

    def citing_deleted(self, limit: int) -> tuple[set[UUID], set[UUID]]:
        """Return some answers that cite documents that are gone, and which documents these are."""
        is_deleted = DeletedDocument.document_id == CitedDocument.document_id
        query = select(CitedDocument.message_id, CitedDocument.document_id).join(DeletedDocument, is_deleted)
        rows = self._uow.session.execute(query.limit(limit)).all()
        return {message_id for message_id, _document_id in rows}, {document_id for _, document_id in rows}

    def saved(self, message_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
        """Return the citations of these answers, which nobody else changes until the commit."""
        query = select(Message.id, Message.citations).where(Message.id.in_(message_ids))
        rows = self._uow.session.execute(query.order_by(Message.id).with_for_update())
        return {row.id: row.citations for row in rows}

    def replace(self, citations: Mapping[UUID, Sequence[dict[str, Any]]]) -> None:
        rows = [{"citing_id": message_id, "citations": kept} for message_id, kept in citations.items()]
        if rows:
            self._uow.connection.execute(REPLACE_CITATIONS, rows)

    def uncite(self, message_ids: Collection[UUID], document_ids: Collection[UUID]) -> None:
        gone = CitedDocument.message_id.in_(message_ids), CitedDocument.document_id.in_(document_ids)
        self._uow.session.execute(delete(CitedDocument).where(*gone))
