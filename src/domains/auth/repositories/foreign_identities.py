"""Named queries of who people are elsewhere."""

from uuid import UUID

from sqlalchemy import select

from src.domains.auth.models import ForeignIdentity
from src.infrastructure.database.unit_of_work import UnitOfWork


class ForeignIdentityRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def user_of(self, issuer: str, subject: str) -> UUID | None:
        query = select(ForeignIdentity.user_id).where(
            ForeignIdentity.issuer == issuer, ForeignIdentity.subject == subject
        )
        return self._uow.session.scalar(query)

    def add(self, identity: ForeignIdentity) -> None:
        self._uow.session.add(identity)
        self._uow.session.flush()
