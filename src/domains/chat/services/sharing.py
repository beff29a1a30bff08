"""Shares: a session as it was, read by colleagues who have the link."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from src.domains.chat.models import Message, Share
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.shares import ShareRepository
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.sessions import find_session
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotFound
from src.shared.middleware.authentication import Principal

TOKEN_BYTES = 24
"""192 bits: nobody finds a link by trying."""


class UnknownShare(NotFound):
    code = "unknown_share"


class NotShared(NotFound):
    code = "not_shared"


class CannotBeShared(Conflict):
    code = "cannot_be_shared"


@dataclass(frozen=True)
class SharedSession:
    """A page of what a link shows, each message with the citations that its reader may see."""

    title: str
    created_at: datetime
    messages: Sequence[tuple[Message, Sequence[Citation]]]


class ShareService:
    """Owners share and revoke; whoever is signed in and has the link reads, with their own rights to documents."""

    def __init__(self, database: Database, citations: ReadableCitations) -> None:
        self._database = database
        self._citations = citations

    async def share(self, user_id: UUID, session_id: UUID) -> Share:
        """Share the session as it is now; a link that there is already shows it then."""

        def share(uow: UnitOfWork) -> Share:
            session = find_session(uow, user_id, session_id, for_update=True)
            if session.is_temporary:
                raise CannotBeShared("A temporary session is not kept, so it cannot be shared.")
            if session.leaf_id is None:
                raise CannotBeShared("There is nothing in this session to share yet.")
            shares = ShareRepository(uow)
            if share := shares.of(session_id):
                share.leaf_id = session.leaf_id
                return share
            token = secrets.token_urlsafe(TOKEN_BYTES)
            share = Share(session_id=session_id, token=token, leaf_id=session.leaf_id, created_at=utc_now())
            shares.add(share)
            return share

        return await self._database.write(share)

    async def get(self, user_id: UUID, session_id: UUID) -> Share:
        return await self._database.read(lambda uow: _find_share(uow, user_id, session_id))

    async def revoke(self, user_id: UUID, session_id: UUID) -> None:
        await self._database.write(
            lambda uow: ShareRepository(uow).delete(_find_share(uow, user_id, session_id, for_update=True))
        )

    async def read(self, reader: Principal, token: str, after: UUID | None, limit: int) -> SharedSession:
        def read(uow: UnitOfWork) -> tuple[str, datetime, Sequence[Message]]:
            found = ShareRepository(uow).by_token(token)
            if found is None:
                raise UnknownShare("There is no such link, or it holds no longer.")
            share, session = found
            messages = MessageRepository(uow).shown(share.leaf_id, after, limit)
            return session.title, share.created_at, messages

        title, created_at, messages = await self._database.read(read)
        citations = await self._citations.of(messages, reader)
        return SharedSession(title, created_at, [(each, citations[each.id]) for each in messages])


def _find_share(uow: UnitOfWork, user_id: UUID, session_id: UUID, *, for_update: bool = False) -> Share:
    find_session(uow, user_id, session_id, for_update=for_update)
    share = ShareRepository(uow).of(session_id)
    if share is None:
        raise NotShared("This session is not shared.")
    return share
