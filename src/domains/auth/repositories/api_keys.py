"""Named queries of API keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update

from src.domains.auth.models import ApiKey
from src.infrastructure.database.unit_of_work import UnitOfWork


class ApiKeyRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, key: ApiKey) -> None:
        self._uow.session.add(key)
        self._uow.session.flush()

    def count(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user_id)
        return self._uow.session.scalar(query) or 0

    def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        query = select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.id).limit(limit)
        return self._uow.session.scalars(query.where(ApiKey.id > after) if after else query).all()

    def all(self) -> Sequence[ApiKey]:
        return self._uow.session.scalars(select(ApiKey)).all()

    def by_ids(self, key_ids: Sequence[UUID]) -> Sequence[ApiKey]:
        return self._uow.session.scalars(select(ApiKey).where(ApiKey.id.in_(key_ids))).all()

    def note_use(self, key_id: UUID, now: datetime, unless_since: datetime) -> None:
        """Note that a key is used, unless a use of it since that moment is noted already."""
        earlier = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= unless_since)
        statement = update(ApiKey).where(ApiKey.id == key_id, earlier).values(last_used_at=now)
        self._uow.session.execute(statement, execution_options={"synchronize_session": False})

    def delete(self, user_id: UUID, key_id: UUID) -> bool:
        """Delete a person's key; tell whether there was one."""
        statement = delete(ApiKey).where(ApiKey.id == key_id, ApiKey.user_id == user_id)
        return self._uow.session.scalar(statement.returning(ApiKey.id)) is not None
