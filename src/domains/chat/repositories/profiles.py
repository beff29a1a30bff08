"""Named queries of profiles."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from src.domains.chat.models import Profile
from src.infrastructure.database.unit_of_work import UnitOfWork


class ProfileRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, profile: Profile) -> None:
        self._uow.session.add(profile)
        self._uow.session.flush()

    def get(self, profile_id: UUID) -> Profile | None:
        return self._uow.session.get(Profile, profile_id)

    def all(self) -> Sequence[Profile]:
        """Return every profile, oldest first; their number is bounded."""
        return self._uow.session.scalars(select(Profile).order_by(Profile.id)).all()

    def delete(self, profile: Profile) -> None:
        self._uow.session.delete(profile)
