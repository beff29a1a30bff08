"""Accounts: what makes one, and one's own."""

import unicodedata
from collections.abc import Sequence
from uuid import UUID

from src.domains.auth.models import Group, Language, Role, User
from src.domains.auth.repositories.users import UserRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import UserRegistered, UserRightsChanged
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotFound

ACCOUNTS = "auth.accounts"
"""The lock of those who decide by what other accounts there are."""


class EmailTaken(Conflict):
    code = "email_taken"


class UnknownUser(NotFound):
    code = "unknown_user"


class AccountService:
    """One's own account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, user_id: UUID) -> User:
        return await self._database.read(lambda uow: find_user(uow, user_id))

    async def change(self, user_id: UUID, name: str | None, language: Language | None) -> User:
        """Change what somebody says of themselves; None leaves it."""

        def change(uow: UnitOfWork) -> User:
            user = find_user(uow, user_id)
            user.name = name or user.name
            user.language = language or user.language
            return user

        return await self._database.write(change)


def identity(email: str) -> str:
    """Return the one form of an address that accounts are kept and found by."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def find_user(uow: UnitOfWork, user_id: UUID) -> User:
    user = UserRepository(uow).get(user_id)
    if user is None:
        raise UnknownUser("There is no such person.")
    return user


def create_account(
    uow: UnitOfWork,
    email: str,
    name: str,
    password_hash: str | None,
    role: Role,
    *,
    language: str | None = None,
    groups: Sequence[Group] = (),
) -> User:
    """Make an account; only one can find the address free. Runs `alone`, for it holds the accounts' lock."""
    uow.lock(ACCOUNTS)
    users = UserRepository(uow)
    if users.email_taken(identity(email)):
        raise EmailTaken("There is an account with this e-mail address. Sign in instead.")
    user = User(
        email=identity(email),
        name=name,
        password_hash=password_hash,
        role=role,
        language=language,
        is_active=True,
        created_at=utc_now(),
        groups=list(groups),
    )
    users.add(user)
    uow.record(UserRegistered(user_id=user.id, role=role))
    if groups:
        group_ids = tuple(group.id for group in groups)
        uow.record(UserRightsChanged(user_id=user.id, role=role, is_active=True, group_ids=group_ids))
    return user
