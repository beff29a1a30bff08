"""Named queries of auth."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import selectinload

from src.domains.auth.models import ApiKey, Group, SignIn, User
from src.infrastructure.database.unit_of_work import UnitOfWork


class UserRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, user: User) -> None:
        self._uow.session.add(user)
        self._uow.session.flush()

    def count(self) -> int:
        return self._uow.session.scalar(select(func.count()).select_from(User)) or 0

    def get(self, user_id: UUID) -> User | None:
        return self._uow.session.get(User, user_id, options=[selectinload(User.groups)])

    def by_email(self, email: str) -> User | None:
        return self._uow.session.scalar(
            select(User).where(User.email == email).options(selectinload(User.groups))
        )

    def page(self, after: UUID | None, limit: int) -> Sequence[User]:
        query = select(User).options(selectinload(User.groups)).order_by(User.id).limit(limit)
        return self._uow.session.scalars(query.where(User.id > after) if after else query).all()

    def all(self) -> Sequence[User]:
        return self._uow.session.scalars(select(User).options(selectinload(User.groups))).all()

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


class GroupRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, group: Group) -> None:
        self._uow.session.add(group)
        self._uow.session.flush()

    def get(self, group_id: UUID) -> Group | None:
        return self._uow.session.get(Group, group_id)

    def by_name(self, name: str) -> Group | None:
        return self._uow.session.scalar(select(Group).where(Group.name == name))

    def by_names(self, names: Sequence[str]) -> Sequence[Group]:
        return self._uow.session.scalars(select(Group).where(Group.name.in_(names))).all()

    def by_ids(self, group_ids: Sequence[UUID]) -> Sequence[Group]:
        return self._uow.session.scalars(select(Group).where(Group.id.in_(group_ids))).all()

    def page(self, after: UUID | None, limit: int) -> Sequence[Group]:
        query = select(Group).order_by(Group.id).limit(limit)
        return self._uow.session.scalars(query.where(Group.id > after) if after else query).all()

    def delete(self, group: Group) -> None:
        self._uow.session.delete(group)
        self._uow.session.flush()


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
