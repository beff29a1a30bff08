"""What administrators do with people and groups."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.auth.models import Group, Role, User
from src.domains.auth.repositories.groups import GroupRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.accounts import ACCOUNTS, find_user
from src.domains.auth.services.directory import Rights, rights_of
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import (
    AccountRights,
    GroupCreated,
    GroupDeleted,
    GroupRenamed,
    UserRightsChanged,
)
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, InvalidRequest, NotFound

GROUPS = "auth.groups"
"""The lock of those who decide by what other groups there are."""


class UnknownGroup(NotFound):
    code = "unknown_group"


class UnknownGroups(InvalidRequest):
    code = "unknown_groups"


class GroupNameTaken(Conflict):
    code = "group_name_taken"


class LastAdmin(Conflict):
    code = "last_admin"


@dataclass(frozen=True)
class RightsChange:
    """What of a person's rights shall change; None leaves it."""

    role: Role | None = None
    is_active: bool | None = None
    group_ids: Sequence[UUID] | None = None


class AdministrationService:
    """People's rights and groups. A change holds in this process before the call returns."""

    def __init__(self, database: Database, directory_is_current: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._directory_is_current = directory_is_current

    async def people(self, after: UUID | None, limit: int) -> Sequence[User]:
        return await self._database.read(lambda uow: UserRepository(uow).page(after, limit))

    async def change_rights(self, user_id: UUID, change: RightsChange) -> User:
        def apply(uow: UnitOfWork) -> User:
            uow.lock(ACCOUNTS)  # two administrators must not take the role from each other at once
            user = find_user(uow, user_id)
            before = rights_of(user)
            if change.role is not None:
                user.role = change.role
            if change.is_active is not None:
                user.is_active = change.is_active
            if change.group_ids is not None:
                user.groups = _find_groups(uow, change.group_ids)
            _keep_an_admin(uow, user)
            _record_rights(uow, user, before)
            return user

        user = await self._database.write(apply, alone=True)
        await self._directory_is_current()
        return user

    async def groups(self, after: UUID | None, limit: int) -> Sequence[Group]:
        return await self._database.read(lambda uow: GroupRepository(uow).page(after, limit))

    async def create_group(self, name: str) -> Group:
        def create(uow: UnitOfWork) -> Group:
            uow.lock(GROUPS)
            _check_name_is_free(uow, name)
            group = Group(name=name, created_at=utc_now())
            GroupRepository(uow).add(group)
            uow.record(GroupCreated(group_id=group.id, group_name=name))
            return group

        return await self._database.write(create, alone=True)

    async def rename_group(self, group_id: UUID, name: str) -> Group:
        def rename(uow: UnitOfWork) -> Group:
            uow.lock(GROUPS)
            group = _find_group(uow, group_id)
            if group.name != name:
                _check_name_is_free(uow, name)
                uow.record(GroupRenamed(group_id=group_id, group_name=name, before=group.name))
                group.name = name
            return group

        return await self._database.write(rename, alone=True)

    async def delete_group(self, group_id: UUID) -> None:
        """Delete a group; its members lose what they could read through it."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(ACCOUNTS)
            uow.lock(GROUPS)
            group = _find_group(uow, group_id)
            for member in UserRepository(uow).in_group(group_id):
                before = rights_of(member)
                member.groups.remove(group)
                _record_rights(uow, member, before)
            uow.session.flush()
            GroupRepository(uow).delete(group)
            uow.record(GroupDeleted(group_id=group_id, before=group.name))

        await self._database.write(delete, alone=True)
        await self._directory_is_current()

    async def members(self, group_id: UUID, after: UUID | None, limit: int) -> Sequence[User]:
        def page(uow: UnitOfWork) -> Sequence[User]:
            _find_group(uow, group_id)
            return UserRepository(uow).page_in_group(group_id, after, limit)

        return await self._database.read(page)

    async def add_member(self, group_id: UUID, user_id: UUID) -> None:
        """Put somebody into a group; nothing changes for who is in it."""
        await self._change_membership(group_id, user_id, is_member=True)

    async def remove_member(self, group_id: UUID, user_id: UUID) -> None:
        """Take somebody out of a group; nothing changes for who is not in it."""
        await self._change_membership(group_id, user_id, is_member=False)

    async def _change_membership(self, group_id: UUID, user_id: UUID, *, is_member: bool) -> None:
        def change(uow: UnitOfWork) -> None:
            uow.lock(
                ACCOUNTS
            )  # the event tells all of a person's rights: no other change may slip in between
            group, user = _find_group(uow, group_id), find_user(uow, user_id)
            if (group in user.groups) == is_member:
                return
            before = rights_of(user)
            if is_member:
                user.groups.append(group)
            else:
                user.groups.remove(group)
            _record_rights(uow, user, before)

        await self._database.write(change, alone=True)
        await self._directory_is_current()


def _find_group(uow: UnitOfWork, group_id: UUID) -> Group:
    group = GroupRepository(uow).get(group_id)
    if group is None:
        raise UnknownGroup("There is no such group.")
    return group


def _find_groups(uow: UnitOfWork, group_ids: Sequence[UUID]) -> list[Group]:
    groups = GroupRepository(uow).by_ids(group_ids)
    if missing := set(group_ids) - {group.id for group in groups}:
        raise UnknownGroups(f"There are no groups with these ids: {', '.join(sorted(map(str, missing)))}.")
    return list(groups)


def _check_name_is_free(uow: UnitOfWork, name: str) -> None:
    if GroupRepository(uow).by_name(name):
        raise GroupNameTaken("There is a group of this name.")


def _keep_an_admin(uow: UnitOfWork, user: User) -> None:
    if user.role == "admin" and user.is_active:
        return
    if UserRepository(uow).other_active_admins(user.id) == 0:
        raise LastAdmin("This is the last administrator. Make somebody else one first.")


def _record_rights(uow: UnitOfWork, user: User, before: Rights) -> None:
    uow.record(
        UserRightsChanged(user_id=user.id, before=AccountRights(**vars(before)), **vars(rights_of(user)))
    )
