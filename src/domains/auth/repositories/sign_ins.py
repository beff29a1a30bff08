"""Named queries of sign-ins."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from src.domains.auth.models import SignIn
from src.infrastructure.database.unit_of_work import UnitOfWork


class SignInRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, sign_in: SignIn) -> None:
        self._uow.session.add(sign_in)

    def open_by_refresh_hash(
        self, refresh_hash: bytes, now: datetime, *, for_update: bool = False
    ) -> SignIn | None:
        query = select(SignIn).where(
            SignIn.refresh_hash == refresh_hash, SignIn.ended_at.is_(None), SignIn.expires_at > now
        )
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def ended_since(self, moment: datetime) -> Sequence[UUID]:
        return self._uow.session.scalars(select(SignIn.id).where(SignIn.ended_at > moment)).all()
