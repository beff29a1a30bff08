"""Named queries of chat."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session as DatabaseSession

from src.domains.chat.models import Message, Session


class SessionRepository:
    def __init__(self, session: DatabaseSession) -> None:
        self._session = session

    def add(self, session: Session) -> None:
        self._session.add(session)
        self._session.flush()

    def owned(self, session_id: UUID, user_id: UUID) -> Session | None:
        return self._session.scalar(
            select(Session).where(Session.id == session_id, Session.user_id == user_id)
        )

    def owner(self, session_id: UUID) -> UUID:
        return self._session.get_one(Session, session_id).user_id

    def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Session]:
        """Return the person's sessions, newest first."""
        query = select(Session).where(Session.user_id == user_id).order_by(Session.id.desc())
        return self._session.scalars(
            (query.where(Session.id < before) if before else query).limit(limit)
        ).all()

    def delete(self, session: Session) -> None:
        self._session.delete(session)


class MessageRepository:
    def __init__(self, session: DatabaseSession) -> None:
        self._session = session

    def add_all(self, messages: Sequence[Message]) -> None:
        self._session.add_all(messages)

    def get(self, message_id: UUID) -> Message | None:
        return self._session.get(Message, message_id)

    def owned(self, message_id: UUID, user_id: UUID) -> Message | None:
        query = select(Message).join(Session, Message.session_id == Session.id)
        return self._session.scalar(query.where(Message.id == message_id, Session.user_id == user_id))

    def page(self, session_id: UUID, after: UUID | None, limit: int) -> Sequence[Message]:
        """Return a session's messages, oldest first."""
        query = select(Message).where(Message.session_id == session_id).order_by(Message.id)
        return self._session.scalars((query.where(Message.id > after) if after else query).limit(limit)).all()

    def latest_completed(self, session_id: UUID, limit: int) -> Sequence[Message]:
        """Return a session's last completed messages, oldest first."""
        query = select(Message).where(Message.session_id == session_id, Message.status == "completed")
        return self._session.scalars(query.order_by(Message.id.desc()).limit(limit)).all()[::-1]

    def pending(self) -> Sequence[Message]:
        return self._session.scalars(select(Message).where(Message.status == "pending")).all()
