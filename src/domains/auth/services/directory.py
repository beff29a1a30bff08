"""The directory of people's rights in each process's memory, kept by a local subscription to auth's events."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from src.domains.auth.models import User
from src.domains.auth.repositories import SignInRepository, UserRepository
from src.domains.auth.services.tokens import AccessTokens
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import SignedOut, UserRegistered, UserRightsChanged
from src.shared.events.base import DomainEvent, utc_now
from src.shared.exceptions.errors import NotAuthenticated
from src.shared.middleware.authentication import Principal


class AccountClosed(NotAuthenticated):
    code = "account_closed"


class SignInEnded(NotAuthenticated):
    code = "sign_in_ended"


@dataclass(frozen=True)
class Rights:
    """What an account may do."""

    role: str
    group_ids: tuple[UUID, ...] = ()
    is_active: bool = True


class Directory:
    """Rights by user, and the sign-ins that ended while their access tokens might still be about.

    Implements `Replica`: it is made from the accounts at start-up and follows the log from there.
    """

    EVENTS = (UserRegistered, UserRightsChanged, SignedOut)

    def __init__(self, database: Database, longest_access: timedelta) -> None:
        self._database = database
        self._longest_access = longest_access
        self._rights: dict[UUID, Rights] = {}
        self._ended_sign_ins: set[UUID] = set()

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        def snapshot(uow: UnitOfWork) -> tuple[Sequence[User], Sequence[UUID]]:
            ended = SignInRepository(uow).ended_since(utc_now() - self._longest_access)
            return UserRepository(uow).all(), ended

        users, ended = await self._database.read(snapshot)
        self._rights = {user.id: rights_of(user) for user in users}
        self._ended_sign_ins = set(ended)

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        for event in events:
            match event:
                case UserRegistered():
                    self._rights.setdefault(event.user_id, Rights(event.role))
                case UserRightsChanged():
                    self._rights[event.user_id] = Rights(event.role, event.group_ids, event.is_active)
                case SignedOut():
                    self._ended_sign_ins.add(event.sign_in_id)

    def knows(self, user_id: UUID) -> bool:
        return user_id in self._rights

    def principal(self, user_id: UUID, sign_in_id: UUID) -> Principal:
        """Return the asker with the rights of this moment, or raise why there is none."""
        rights = self._rights.get(user_id)
        if rights is None or not rights.is_active:
            raise AccountClosed("This account does not exist or is switched off. Ask your administrator.")
        if sign_in_id in self._ended_sign_ins:
            raise SignInEnded("You signed out. Sign in again.")
        return Principal(user_id, sign_in_id, rights.role, rights.group_ids)


class TokenAuthenticator:
    """Implements the `Authenticator` port for access tokens: no query, all from memory."""

    def __init__(
        self,
        tokens: AccessTokens,
        directory: Directory,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._tokens = tokens
        self._directory = directory
        self._directory_is_current = directory_is_current

    async def authenticate(self, token: str) -> Principal:
        claims = self._tokens.read(token)
        if not self._directory.knows(claims.user_id):
            # The token is ours: another process has just made the account.
            with suppress(TimeoutError):
                await self._directory_is_current()
        return self._directory.principal(claims.user_id, claims.sign_in_id)


def rights_of(user: User) -> Rights:
    return Rights(user.role, tuple(group.id for group in user.groups), user.is_active)
