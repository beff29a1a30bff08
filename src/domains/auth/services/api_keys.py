"""API keys: what programs call with in a person's name."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from src.domains.auth.models import ApiKey
from src.domains.auth.repositories.api_keys import ApiKeyRepository
from src.domains.auth.services.accounts import find_user
from src.domains.auth.services.key_format import API_KEY_PREFIX, new_api_key
from src.domains.auth.services.tokens import token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import ApiKeyCreated, ApiKeyRevoked
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotFound
from src.shared.middleware.authentication import KeyScope

API_KEYS = "auth.api_keys"
"""The lock of those who decide by how many keys somebody has."""

SHOWN_CHARACTERS = len(API_KEY_PREFIX) + 8
"""How much of a key is kept to be shown."""

NOTED_EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class UnknownApiKey(NotFound):
    code = "unknown_api_key"


class TooManyApiKeys(Conflict):
    code = "too_many_api_keys"


@dataclass(frozen=True)
class NewApiKey:
    """A key, which is told this once, and what is kept of it."""

    key: str
    record: ApiKey


class ApiKeyService:
    """People's own keys. Making and revoking one holds in this process before the call returns."""

    def __init__(
        self, database: Database, most: int, directory_is_current: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._most = most
        self._directory_is_current = directory_is_current

    async def create(
        self, user_id: UUID, name: str, scopes: Sequence[KeyScope], lifetime: timedelta | None
    ) -> NewApiKey:
        key, now = new_api_key(), utc_now()

        def create(uow: UnitOfWork) -> ApiKey:
            uow.lock(API_KEYS)
            keys = ApiKeyRepository(uow)
            if keys.count(user_id) >= self._most:
                raise TooManyApiKeys(f"You have {self._most} API keys. Revoke one that you do not need.")
            record = ApiKey(
                user_id=user_id,
                name=name,
                prefix=key[:SHOWN_CHARACTERS],
                key_hash=token_hash(key),
                scopes=list(dict.fromkeys(scopes)),
                created_at=now,
                expires_at=now + lifetime if lifetime else None,
            )
            keys.add(record)
            uow.record(
                ApiKeyCreated(
                    user_id=user_id,
                    key_id=record.id,
                    scopes=tuple(record.scopes),
                    expires_at=record.expires_at,
                )
            )
            return record

        record = await self._database.write(create, alone=True)
        await self._directory_is_current()
        return NewApiKey(key, record)

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        return await self._database.read(lambda uow: ApiKeyRepository(uow).page(user_id, after, limit))

    async def page_of(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
        """Return the keys of somebody who has an account."""

        def page(uow: UnitOfWork) -> Sequence[ApiKey]:
            find_user(uow, user_id)
            return ApiKeyRepository(uow).page(user_id, after, limit)

        return await self._database.read(page)

    async def revoke(self, user_id: UUID, key_id: UUID) -> None:
        def revoke(uow: UnitOfWork) -> None:
            if not ApiKeyRepository(uow).delete(user_id, key_id):
                raise UnknownApiKey("There is no such API key.")
            uow.record(ApiKeyRevoked(user_id=user_id, key_id=key_id))

        await self._database.write(revoke)
        await self._directory_is_current()


class ApiKeyUses:
    """Notes when keys are used: at most once a minute for each, beside the requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[UUID, datetime] = {}
        self._saving: set[asyncio.Task[None]] = set()

    def note(self, key_id: UUID) -> None:
        now = utc_now()
        if key_id in self._noted and now - self._noted[key_id] < NOTED_EVERY:
            return
        self._noted[key_id] = now
        task = asyncio.create_task(self._save(key_id, now))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def stop(self) -> None:
        await asyncio.gather(*self._saving)

    async def _save(self, key_id: UUID, now: datetime) -> None:
        try:
            await self._database.write(
                lambda uow: ApiKeyRepository(uow).note_use(key_id, now, unless_since=now - NOTED_EVERY)
            )
        except Exception:  # the request is answered; the next use is noted again
            log.exception("use_of_api_key_not_noted", api_key_id=str(key_id))
