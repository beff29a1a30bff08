"""Named queries of sign-ins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, or_, select

from src.domains.auth.models import SignIn
from src.infrastructure.database.unit_of_work import UnitOfWork


class SignInRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, sign_in: SignIn) -> None:
        self._uow.session.add(sign_in)
        self._uow.session.flush()

    def open_by_family(self, family_hash: bytes, now: datetime, *, for_update: bool = False) -> SignIn | None:
        query = _open(now).where(SignIn.family_hash == family_hash)
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def open_of(self, user_id: UUID, now: datetime) -> Sequence[SignIn]:
        """Return a person's open sign-ins, oldest first."""
        query = _open(now).where(SignIn.user_id == user_id).order_by(SignIn.id)
        return self._uow.session.scalars(query).all()

    def page_of(self, user_id: UUID, now: datetime, after: UUID | None, limit: int) -> Sequence[SignIn]:
        query = _open(now).where(SignIn.user_id == user_id).order_by(SignIn.id).limit(limit)
        return self._uow.session.scalars(query.where(SignIn.id > after) if after else query).all()

    def ended_since(self, moment: datetime) -> Sequence[UUID]:
        return self._uow.session.scalars(select(SignIn.id).where(SignIn.ended_at > moment)).all()

    def delete_closed_of(self, user_id: UUID, before: datetime) -> None:
        """Delete a person's sign-ins that were over by then."""
        over = or_(SignIn.expires_at < before, SignIn.ended_at < before)
        self._uow.session.execute(delete(SignIn).where(SignIn.user_id == user_id, over))


def _open(now: datetime) -> Select[SignIn]:
    return select(SignIn).where(SignIn.ended_at.is_(None), SignIn.expires_at > now)
