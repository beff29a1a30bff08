"""The directory of people's rights in each process's memory, kept by a local subscription to auth's events."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from src.domains.auth.models import ApiKey, User
from src.domains.auth.repositories.api_keys import ApiKeyRepository
from src.domains.auth.repositories.sign_ins import SignInRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.tokens import API_KEY_PREFIX, REMEMBERED_TOKENS, AccessTokens, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import ApiKeyCreated, ApiKeyRevoked, SignedOut, UserRegistered, UserRightsChanged
from src.shared.events.base import DomainEvent, utc_now
from src.shared.exceptions.errors import NotAuthenticated
from src.shared.middleware.authentication import Principal


class AccountClosed(NotAuthenticated):
    code = "account_closed"


class SignInEnded(NotAuthenticated):
    code = "sign_in_ended"


class InvalidApiKey(NotAuthenticated):
    code = "invalid_api_key"


class ApiKeyExpired(NotAuthenticated):
    code = "api_key_expired"


@dataclass(frozen=True)
class KnownKey:
    """Whom an API key stands for; it never expires when `expires_at` is None."""

    id: UUID
    user_id: UUID
    expires_at: datetime | None


@dataclass(frozen=True)
class Rights:
    """What an account may do."""

    role: str
    group_ids: tuple[UUID, ...] = ()
    is_active: bool = True


class Directory:
    """Rights by user, API keys by their hash, and the sign-ins whose access tokens might still be about.

    Implements `Replica`: it is made from the accounts at start-up and follows the log from there.
    """

    EVENTS = (UserRegistered, UserRightsChanged, SignedOut, ApiKeyCreated, ApiKeyRevoked)

    def __init__(self, database: Database, longest_access: timedelta) -> None:
        self._database = database
        self._longest_access = longest_access
        self._rights: dict[UUID, Rights] = {}
        self._ended_sign_ins: set[UUID] = set()
        self._keys: dict[bytes, KnownKey] = {}

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        def snapshot(uow: UnitOfWork) -> tuple[Sequence[User], Sequence[UUID], Sequence[ApiKey]]:
            ended = SignInRepository(uow).ended_since(utc_now() - self._longest_access)
            return UserRepository(uow).all(), ended, ApiKeyRepository(uow).all()

        users, ended, keys = await self._database.read(snapshot)
        self._rights = {user.id: rights_of(user) for user in users}
        self._ended_sign_ins = set(ended)
        self._keys = _known(keys)

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        if created := [event.key_id for event in events if isinstance(event, ApiKeyCreated)]:
            # As they are now: one that is revoked by then is not there, or its revocation is yet to be met.
            self._keys |= _known(await self._database.read(lambda uow: ApiKeyRepository(uow).by_ids(created)))
        for event in events:
            match event:
                case UserRegistered():
                    self._rights.setdefault(event.user_id, Rights(event.role))
                case UserRightsChanged():
                    self._rights[event.user_id] = Rights(event.role, event.group_ids, event.is_active)
                case SignedOut():
                    self._ended_sign_ins.add(event.sign_in_id)
                case ApiKeyRevoked():
                    self._keys = {hashed: key for hashed, key in self._keys.items() if key.id != event.key_id}

    def knows(self, user_id: UUID) -> bool:
        return user_id in self._rights

    def key(self, key_hash: bytes) -> KnownKey | None:
        return self._keys.get(key_hash)

    def principal(
        self, user_id: UUID, *, sign_in_id: UUID | None = None, api_key_id: UUID | None = None
    ) -> Principal:
        """Return the asker with the rights of this moment, or raise why there is none."""
        rights = self._rights.get(user_id)
        if rights is None or not rights.is_active:
            raise AccountClosed("This account does not exist or is switched off. Ask your administrator.")
        if sign_in_id in self._ended_sign_ins:
            raise SignInEnded("You signed out. Sign in again.")
        return Principal(user_id, sign_in_id, rights.role, rights.group_ids, api_key_id)


class TokenAuthenticator:
    """Implements the `Authenticator` port for access tokens and API keys: no query, all from memory.

    `note_use` is told which API key was used.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        directory: Directory,
        directory_is_current: Callable[[], Awaitable[None]],
        note_use: Callable[[UUID], None],
    ) -> None:
        self._tokens = tokens
        self._directory = directory
        self._directory_is_current = directory_is_current
        self._note_use = note_use
        self._dead_keys: dict[bytes, None] = {}

    async def authenticate(self, token: str) -> Principal:
        if token.startswith(API_KEY_PREFIX):
            return await self._by_key(token_hash(token))
        claims = self._tokens.read(token)
        if not self._directory.knows(claims.user_id):
            # The token is ours: another process has just made the account.
            with suppress(TimeoutError):
                await self._directory_is_current()
        return self._directory.principal(claims.user_id, sign_in_id=claims.sign_in_id)

    async def _by_key(self, key_hash: bytes) -> Principal:
        key = self._directory.key(key_hash) or await self._just_made(key_hash)
        if key is None:
            raise InvalidApiKey("There is no such API key, or it was revoked. Make a new one.")
        if key.expires_at and key.expires_at <= utc_now():
            raise ApiKeyExpired("This API key has expired. Make a new one.")
        principal = self._directory.principal(key.user_id, api_key_id=key.id)
        self._note_use(key.id)
        return principal

    async def _just_made(self, key_hash: bytes) -> KnownKey | None:
        """Look whether another process has made the key: once, for a key that is not there never will be."""
        if key_hash in self._dead_keys:
            return None
        try:
            await self._directory_is_current()
        except TimeoutError:
            return None
        key = self._directory.key(key_hash)
        if key is None:
            self._dead_keys[key_hash] = None
            if len(self._dead_keys) > REMEMBERED_TOKENS:
                del self._dead_keys[next(iter(self._dead_keys))]
        return key


def _known(keys: Iterable[ApiKey]) -> dict[bytes, KnownKey]:
    return {key.key_hash: KnownKey(key.id, key.user_id, key.expires_at) for key in keys}


def rights_of(user: User) -> Rights:
    return Rights(user.role, tuple(group.id for group in user.groups), user.is_active)
