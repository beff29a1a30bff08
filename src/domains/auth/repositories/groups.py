"""Named queries of groups."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from src.domains.auth.models import Group
from src.infrastructure.database.unit_of_work import UnitOfWork


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
