"""Named queries of what is kept for a while only."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, tuple_

from src.domains.chat.models import IdempotencyKey, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

Kind = Literal["deleted", "temporary"]


class TrashRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def due(self, kind: Kind, before: datetime, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return sessions that were deleted, or are temporary and were last used, before the moment."""
        query = select(Session.id).where(_is_due(kind, before)).order_by(Session.id).limit(limit)
        return self._uow.session.scalars(query.where(Session.id > after) if after else query).all()

    def claim(self, kind: Kind, before: datetime, session_ids: Collection[UUID]) -> Sequence[Session]:
        """Return those that still are due, and that nobody else has in hand."""
        query = select(Session).where(Session.id.in_(session_ids), _is_due(kind, before))
        return self._uow.session.scalars(query.with_for_update(skip_locked=True)).all()

    def delete_keys(self, before: datetime, limit: int) -> int:
        """Delete names of requests from before the moment; return how many."""
        key = tuple_(IdempotencyKey.user_id, IdempotencyKey.key)
        old = select(IdempotencyKey.user_id, IdempotencyKey.key).where(IdempotencyKey.created_at < before)
        deleted = self._uow.connection.execute(delete(IdempotencyKey).where(key.in_(old.limit(limit))))
        return deleted.rowcount


def _is_due(kind: Kind, before: datetime) -> ColumnElement[bool]:
    if kind == "deleted":
        return Session.deleted_at < before
    return Session.is_temporary.is_(True) & (Session.updated_at < before)
