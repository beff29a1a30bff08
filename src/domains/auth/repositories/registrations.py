"""Named queries of registrations and invitations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from src.domains.auth.models import Invitation, Registration
from src.infrastructure.database.unit_of_work import UnitOfWork


class RegistrationRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, registration: Registration) -> None:
        self._uow.session.add(registration)
        self._uow.session.flush()

    def get(self, registration_id: UUID) -> Registration | None:
        return self._uow.session.get(Registration, registration_id)

    def by_token(self, token_hash: bytes, now: datetime) -> Registration | None:
        query = select(Registration).where(Registration.token_hash == token_hash)
        return self._uow.session.scalar(query.where(Registration.expires_at > now))

    def delete_of(self, email: str) -> None:
        self._uow.session.execute(delete(Registration).where(Registration.email == email))

    def delete_expired(self, now: datetime) -> None:
        self._uow.session.execute(delete(Registration).where(Registration.expires_at <= now))


class InvitationRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, invitation: Invitation) -> None:
        self._uow.session.add(invitation)
        self._uow.session.flush()

    def get(self, invitation_id: UUID) -> Invitation | None:
        return self._uow.session.get(Invitation, invitation_id)

    def by_email(self, email: str) -> Invitation | None:
        return self._uow.session.scalar(select(Invitation).where(Invitation.email == email))

    def by_token(self, token_hash: bytes, now: datetime) -> Invitation | None:
        query = select(Invitation).where(Invitation.token_hash == token_hash)
        return self._uow.session.scalar(query.where(Invitation.expires_at > now))

    def page(self, after: UUID | None, limit: int) -> Sequence[Invitation]:
        query = select(Invitation).order_by(Invitation.id).limit(limit)
        return self._uow.session.scalars(query.where(Invitation.id > after) if after else query).all()

    def delete(self, invitation: Invitation) -> None:
        self._uow.session.delete(invitation)
        self._uow.session.flush()
