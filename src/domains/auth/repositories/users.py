"""Named queries of people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from src.domains.auth.models import Group, SecondFactor, User
from src.infrastructure.database.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Credentials:
    """What a password is checked against; None stands for somebody who has none."""

    user_id: UUID
    password_hash: str | None
    is_active: bool
    has_second_factor: bool


class UserRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, user: User) -> None:
        self._uow.session.add(user)
        self._uow.session.flush()

    def any(self) -> bool:
        return self._uow.session.scalar(select(User.id).limit(1)) is not None

    def get(self, user_id: UUID) -> User | None:
        return self._uow.session.get(User, user_id, options=[selectinload(User.groups)])

    def by_email(self, email: str) -> User | None:
        return self._uow.session.scalar(
            select(User).where(User.email == email).options(selectinload(User.groups))
        )

    def email_taken(self, email: str) -> bool:
        return self._uow.session.scalar(select(User.id).where(User.email == email)) is not None

    def credentials(self, email: str) -> Credentials | None:
        """Return what signs an address in: one statement, whether or not there is such an account."""
        query = (
            select(User.id, User.password_hash, User.is_active, SecondFactor.confirmed_at.is_not(None))
            .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
            .where(User.email == email)
        )
        row = self._uow.session.execute(query).first()
        return Credentials(*row) if row else None

    def page(self, after: UUID | None, limit: int) -> Sequence[User]:
        query = select(User).options(selectinload(User.groups)).order_by(User.id).limit(limit)
        return self._uow.session.scalars(query.where(User.id > after) if after else query).all()

    def all(self) -> Sequence[User]:
        return self._uow.session.scalars(select(User).options(selectinload(User.groups))).all()

    def page_in_group(self, group_id: UUID, after: UUID | None, limit: int) -> Sequence[User]:
        query = select(User).where(User.groups.any(Group.id == group_id)).options(selectinload(User.groups))
        query = query.order_by(User.id).limit(limit)
        return self._uow.session.scalars(query.where(User.id > after) if after else query).all()

    def emails(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the addresses of those of these people who have an account."""
        rows = self._uow.session.execute(select(User.id, User.email).where(User.id.in_(user_ids)))
        return {row[0]: row[1] for row in rows}

    def in_group(self, group_id: UUID) -> Sequence[User]:
        query = select(User).where(User.groups.any(Group.id == group_id))
        return self._uow.session.scalars(query.options(selectinload(User.groups))).all()

    def first_active_admin(self) -> User | None:
        query = select(User).where(User.role == "admin", User.is_active).order_by(User.id).limit(1)
        return self._uow.session.scalar(query)

    def other_active_admins(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(User)
        return (
            self._uow.session.scalar(query.where(User.role == "admin", User.is_active, User.id != user_id))
            or 0
        )
