"""Named queries of links with which passwords are set anew."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from src.domains.auth.models import PasswordReset
from src.infrastructure.database.unit_of_work import UnitOfWork


class PasswordResetRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, reset: PasswordReset) -> None:
        self._uow.session.add(reset)
        self._uow.session.flush()

    def user_of(self, token_hash: bytes, now: datetime, *, for_update: bool = False) -> UUID | None:
        """Return whose password a link that holds sets anew."""
        query = select(PasswordReset.user_id).where(
            PasswordReset.token_hash == token_hash, PasswordReset.expires_at > now
        )
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def delete_of(self, user_id: UUID) -> None:
        self._uow.session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))

    def delete_expired(self, now: datetime) -> None:
        self._uow.session.execute(delete(PasswordReset).where(PasswordReset.expires_at <= now))
