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
from src.domains.auth.services.key_format import API_KEY_PREFIX, is_well_formed
from src.domains.auth.services.tokens import REMEMBERED_TOKENS, AccessTokens, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import ApiKeyCreated, ApiKeyRevoked, SignedOut, UserRegistered, UserRightsChanged
from src.shared.events.base import DomainEvent, utc_now
from src.shared.exceptions.errors import NotAuthenticated, Unavailable
from src.shared.middleware.authentication import Principal

STALE_SECONDS = 5.0
"""For how long what is known of people's rights holds without another look at the log."""


class DirectoryStale(Unavailable):
    code = "directory_stale"


class AccountClosed(NotAuthenticated):
    code = "account_closed"


class SignInEnded(NotAuthenticated):
    code = "sign_in_ended"


class InvalidApiKey(NotAuthenticated):
    code = "invalid_api_key"


class ApiKeyExpired(NotAuthenticated):
    code = "api_key_expired"


class RoleChanged(NotAuthenticated):
    """Only who follows a stream hears this: a new request is simply made with the new role."""

    code = "role_changed"


@dataclass(frozen=True)
class KnownKey:
    """Whom an API key stands for, and for what; it never expires when `expires_at` is None."""

    id: UUID
    user_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None

    def refusal(self) -> NotAuthenticated | None:
        if self.expires_at and self.expires_at <= utc_now():
            return ApiKeyExpired("This API key has expired. Make a new one.")
        return None


@dataclass(frozen=True)
class Rights:
    """What an account may do."""

    role: str
    group_ids: tuple[UUID, ...] = ()
    is_active: bool = True


class Directory:
    """Rights by user, API keys by their hash, and the sign-ins whose access tokens might still be about.

    Implements `Replica`: it is made from the accounts at start-up and follows the log from there. Implements
    `Standing`: those who watch it are called after each change, and may ask who would still be let in.
    """

    EVENTS = (UserRegistered, UserRightsChanged, SignedOut, ApiKeyCreated, ApiKeyRevoked)

    def __init__(self, database: Database, longest_access: timedelta) -> None:
        self._database = database
        self._longest_access = longest_access
        self._rights: dict[UUID, Rights] = {}
        self._ended_sign_ins: dict[UUID, datetime] = {}
        self._keys: dict[bytes, KnownKey] = {}
        self._keys_by_id: dict[UUID, KnownKey] = {}
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever somebody's rights are others than before."""
        self._watchers.append(watcher)

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        def snapshot(uow: UnitOfWork) -> tuple[Sequence[User], Sequence[UUID], Sequence[ApiKey]]:
            ended = SignInRepository(uow).ended_since(utc_now() - self._longest_access)
            return UserRepository(uow).all(), ended, ApiKeyRepository(uow).all()

        users, ended, keys = await self._database.read(snapshot)
        self._rights = {user.id: rights_of(user) for user in users}
        self._ended_sign_ins = dict.fromkeys(ended, utc_now())
        self._know(_known(keys))
        self._tell_watchers()

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        if created := [event.key_id for event in events if isinstance(event, ApiKeyCreated)]:
            # As they are now: one that is revoked by then is not there, or its revocation is yet to be met.
            made = _known(await self._database.read(lambda uow: ApiKeyRepository(uow).by_ids(created)))
            self._know(self._keys | made)
        for event in events:
            match event:
                case UserRegistered():
                    self._rights.setdefault(event.user_id, Rights(event.role))
                case UserRightsChanged():
                    self._rights[event.user_id] = Rights(event.role, event.group_ids, event.is_active)
                case SignedOut():
                    self._end(event)
                case ApiKeyRevoked():
                    self._know({hash: key for hash, key in self._keys.items() if key.id != event.key_id})
        self._tell_watchers()

    def knows(self, user_id: UUID) -> bool:
        return user_id in self._rights

    def key(self, key_hash: bytes) -> KnownKey | None:
        return self._keys.get(key_hash)

    def principal(
        self, user_id: UUID, *, sign_in_id: UUID | None = None, key: KnownKey | None = None
    ) -> Principal:
        """Return the asker with the rights of this moment, or raise why there is none."""
        if refusal := self._refusal(user_id, sign_in_id):
            raise refusal
        rights = self._rights[user_id]
        return Principal(
            user_id,
            sign_in_id,
            rights.role,
            rights.group_ids,
            key.id if key else None,
            key.scopes if key else None,
            self,
        )

    def refusal(self, principal: Principal) -> NotAuthenticated | None:
        if refusal := self._refusal(principal.user_id, principal.sign_in_id):
            return refusal
        if principal.api_key_id:
            key = self._keys_by_id.get(principal.api_key_id)
            if refusal := key.refusal() if key else _no_such_key():
                return refusal
        if self._rights[principal.user_id].role != principal.role:
            return RoleChanged("Your role was changed. Begin again.")
        return None

    def is_closed(self, user_id: UUID) -> bool:
        rights = self._rights.get(user_id)
        return rights is None or not rights.is_active

    def _refusal(self, user_id: UUID, sign_in_id: UUID | None) -> NotAuthenticated | None:
        if self.is_closed(user_id):
            return AccountClosed("This account does not exist or is switched off. Ask your administrator.")
        if sign_in_id in self._ended_sign_ins:
            return SignInEnded("You signed out. Sign in again.")
        return None

    def _end(self, event: SignedOut) -> None:
        """Remember an ended sign-in, and forget those whose access tokens have all expired."""
        self._ended_sign_ins[event.sign_in_id] = event.occurred_at
        before = utc_now() - self._longest_access
        self._ended_sign_ins = {id: at for id, at in self._ended_sign_ins.items() if at > before}

    def _know(self, keys: dict[bytes, KnownKey]) -> None:
        self._keys, self._keys_by_id = keys, {key.id: key for key in keys.values()}

    def _tell_watchers(self) -> None:
        for watcher in self._watchers:
            watcher()


class TokenAuthenticator:
    """Implements the `Authenticator` port for access tokens and API keys: no query, all from memory.

    `seconds_behind` tells how long ago the directory was known to be up to date, `note_use` is told which API
    key was used.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        directory: Directory,
        directory_is_current: Callable[[], Awaitable[None]],
        seconds_behind: Callable[[], float],
        note_use: Callable[[UUID], None],
    ) -> None:
        self._tokens = tokens
        self._directory = directory
        self._directory_is_current = directory_is_current
        self._seconds_behind = seconds_behind
        self._note_use = note_use
        self._dead_keys: dict[bytes, None] = {}

    async def authenticate(self, token: str) -> Principal:
        if token.startswith(API_KEY_PREFIX):
            return await self._by_key(token)
        claims = self._tokens.read(token)
        await self._refuse_to_guess()
        if not self._directory.knows(claims.user_id):
            # The token is ours: another process has just made the account.
            with suppress(TimeoutError):
                await self._directory_is_current()
        return self._directory.principal(claims.user_id, sign_in_id=claims.sign_in_id)

    async def _by_key(self, token: str) -> Principal:
        key_hash = token_hash(token)
        if self._directory.key(key_hash) is None and not is_well_formed(token):
            raise _no_such_key()  # older keys, without a checksum, are known everywhere by now
        await self._refuse_to_guess()
        key = self._directory.key(key_hash) or await self._just_made(key_hash)
        if key is None:
            raise _no_such_key()
        if refusal := key.refusal():
            raise refusal
        principal = self._directory.principal(key.user_id, key=key)
        self._note_use(key.id)
        return principal

    async def _refuse_to_guess(self) -> None:
        """Have a directory that has not looked for long catch up, and raise when it cannot."""
        if self._seconds_behind() > STALE_SECONDS:
            try:
                await self._directory_is_current()
            except TimeoutError:
                detail = "It cannot be known at the moment who may do what. Try again soon."
                raise DirectoryStale(detail, retry_after=2) from None

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


def _no_such_key() -> InvalidApiKey:
    return InvalidApiKey("There is no such API key, or it was revoked. Make a new one.")


def _known(keys: Iterable[ApiKey]) -> dict[bytes, KnownKey]:
    return {
        key.key_hash: KnownKey(key.id, key.user_id, frozenset(key.scopes), key.expires_at) for key in keys
    }


def rights_of(user: User) -> Rights:
    return Rights(user.role, tuple(group.id for group in user.groups), user.is_active)
