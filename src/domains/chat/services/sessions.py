"""A person's sessions: made, listed, changed, put into the trash, restored, erased."""

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from src.domains.chat.models import Message, Session
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionFilter, SessionRepository
from src.domains.chat.services.offers import Offers
from src.domains.chat.services.profiles import usable_profile
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import SessionDeleted
from src.shared.exceptions.errors import Conflict, InvalidRequest, NotFound
from src.shared.middleware.authentication import Principal


class UnknownSession(NotFound):
    code = "unknown_session"


class UnknownMessage(NotFound):
    code = "unknown_message"


class NotAnAnswer(Conflict):
    code = "not_an_answer"


class UnknownCursor(InvalidRequest):
    code = "unknown_cursor"


class SessionChange(TypedDict, total=False):
    """What of a session shall change. No profile, no model: the platform's own."""

    title: str
    pinned: bool
    profile_id: UUID | None
    model: str | None


class SessionService:
    """A person's own conversations; anybody else's do not exist for them, nor do those in the trash."""

    def __init__(self, database: Database, offers: Offers) -> None:
        self._database = database
        self._offers = offers

    async def create(self, owner: Principal, change: SessionChange, *, is_temporary: bool) -> Session:
        def create(uow: UnitOfWork) -> Session:
            now = utc_now()
            session = Session(
                user_id=owner.user_id, title="", is_temporary=is_temporary, created_at=now, updated_at=now
            )
            self._apply(uow, owner, session, change)
            SessionRepository(uow).add(session)
            return session

        return await self._database.write(create)

    async def page(
        self, user_id: UUID, wanted: SessionFilter, cursor: UUID | None, limit: int
    ) -> Sequence[Session]:
        def page(uow: UnitOfWork) -> Sequence[Session]:
            sessions = SessionRepository(uow)
            last = sessions.owned(cursor, user_id, for_update=False) if cursor else None
            if cursor and last is None:
                raise UnknownCursor("The session that the page before ended with is gone. Begin anew.")
            return sessions.page(user_id, wanted, last, limit)

        return await self._database.read(page)

    async def get(self, user_id: UUID, session_id: UUID) -> Session:
        return await self._database.read(lambda uow: find_session(uow, user_id, session_id))

    async def change(self, owner: Principal, session_id: UUID, change: SessionChange) -> Session:
        def apply(uow: UnitOfWork) -> Session:
            session = find_session(uow, owner.user_id, session_id, for_update=True)
            self._apply(uow, owner, session, change)
            return session

        return await self._database.write(apply)

    def _apply(self, uow: UnitOfWork, owner: Principal, session: Session, change: SessionChange) -> None:
        if "title" in change:
            session.title, session.title_is_automatic = change["title"], False
        if "pinned" in change:
            session.pinned_at = (session.pinned_at or utc_now()) if change["pinned"] else None
        if "model" in change:
            self._offers.get(change["model"])
            session.model = change["model"]
        if "profile_id" in change:
            if change["profile_id"]:
                usable_profile(uow, change["profile_id"], owner)
            session.profile_id = change["profile_id"]

    async def delete(self, user_id: UUID, session_id: UUID) -> None:
        """Put a session into the trash; erase one that lies there already, and a temporary one at once."""

        def delete(uow: UnitOfWork) -> None:
            session = _find_also_deleted(uow, user_id, session_id)
            if session.deleted_at or session.is_temporary:
                erase(uow, session)
            else:
                session.deleted_at = utc_now()

        await self._database.write(delete)

    async def restore(self, user_id: UUID, session_id: UUID) -> Session:
        def restore(uow: UnitOfWork) -> Session:
            session = _find_also_deleted(uow, user_id, session_id)
            session.deleted_at = None
            return session

        return await self._database.write(restore)

    async def switch_branch(self, user_id: UUID, session_id: UUID, message_id: UUID) -> Session:
        """Show the branch with this message; below it, the newest one."""

        def switch(uow: UnitOfWork) -> Session:
            session = find_session(uow, user_id, session_id, for_update=True)
            if find_message(uow, user_id, message_id).session_id != session_id:
                raise _unknown_message()
            session.leaf_id = MessageRepository(uow).newest_below(message_id)
            return session

        return await self._database.write(switch)


def erase(uow: UnitOfWork, session: Session) -> None:
    """Delete a session with its messages, and the text of them in the event log."""
    SessionRepository(uow).delete(session)
    uow.redact(session.id)
    uow.record(SessionDeleted(session_id=session.id, user_id=session.user_id))


def find_session(uow: UnitOfWork, user_id: UUID, session_id: UUID, *, for_update: bool = False) -> Session:
    session = SessionRepository(uow).owned(session_id, user_id, for_update=for_update)
    if session is None or session.deleted_at:
        raise _unknown_session()
    return session


def find_message(uow: UnitOfWork, user_id: UUID, message_id: UUID, *, for_update: bool = False) -> Message:
    message = MessageRepository(uow).owned(message_id, user_id, for_update=for_update)
    if message is None:
        raise _unknown_message()
    return message


def _find_also_deleted(uow: UnitOfWork, user_id: UUID, session_id: UUID) -> Session:
    session = SessionRepository(uow).owned(session_id, user_id, for_update=True)
    if session is None:
        raise _unknown_session()
    return session


def _unknown_session() -> UnknownSession:
    return UnknownSession("There is no such session.")


def _unknown_message() -> UnknownMessage:
    return UnknownMessage("There is no such message.")
