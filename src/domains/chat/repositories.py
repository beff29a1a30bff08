"""Named queries of chat."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from src.domains.chat.models import Message, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

MESSAGES = Message.metadata.tables[Message.__tablename__]
SESSIONS = Session.metadata.tables[Session.__tablename__]

# What every turn does: statements built once, on the tables. The ORM's way costs three times as much.
INSERT_SESSION = insert(SESSIONS)
INSERT_MESSAGE = insert(MESSAGES)
FINISH_MESSAGE = update(MESSAGES).where(
    MESSAGES.c.id == bindparam("message_id"), MESSAGES.c.status == "pending"
)


class SessionRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, session: Session) -> None:
        self._uow.session.add(session)
        self._uow.session.flush()

    def insert(self, session_id: UUID, user_id: UUID, title: str, now: datetime) -> None:
        values = {"id": session_id, "user_id": user_id, "title": title, "created_at": now, "updated_at": now}
        self._uow.defer(INSERT_SESSION, values)

    def owned(self, session_id: UUID, user_id: UUID, *, for_update: bool) -> Session | None:
        query = select(Session).where(Session.id == session_id, Session.user_id == user_id)
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def owner(self, session_id: UUID) -> UUID:
        return self._uow.session.get_one(Session, session_id).user_id

    def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Session]:
        """Return the person's sessions, newest first."""
        query = select(Session).where(Session.user_id == user_id).order_by(Session.id.desc())
        return self._uow.session.scalars(
            (query.where(Session.id < before) if before else query).limit(limit)
        ).all()

    def delete(self, session: Session) -> None:
        self._uow.session.delete(session)


class MessageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add_turn(
        self,
        session_id: UUID,
        question_id: UUID,
        answer_id: UUID,
        question: str,
        now: datetime,
        leased_until: datetime,
    ) -> None:
        """Save a question and the answer that is pending."""
        common = {"session_id": session_id, "created_at": now}
        asked = {"id": question_id, "role": "user", "content": question, "status": "completed"}
        answer = {"id": answer_id, "role": "assistant", "content": "", "status": "pending"}
        self._uow.defer(INSERT_MESSAGE, {**common, **asked, "question_id": None, "leased_until": None})
        self._uow.defer(
            INSERT_MESSAGE, {**common, **answer, "question_id": question_id, "leased_until": leased_until}
        )

    def finish(self, message_id: UUID, values: Mapping[str, Any]) -> None:
        """Set what became of a pending answer; `NothingChanged` when it has ended or was deleted meanwhile."""
        self._uow.defer(FINISH_MESSAGE, {"message_id": message_id, **values}, must_match=True)

    def owned(self, message_id: UUID, user_id: UUID, *, for_update: bool) -> Message | None:
        query = select(Message).join(Session, Message.session_id == Session.id)
        query = query.where(Message.id == message_id, Session.user_id == user_id)
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def page(self, session_id: UUID, after: UUID | None, limit: int) -> Sequence[Message]:
        """Return a session's messages, oldest first."""
        query = select(Message).where(Message.session_id == session_id).order_by(Message.id)
        return self._uow.session.scalars(
            (query.where(Message.id > after) if after else query).limit(limit)
        ).all()

    def latest_completed(self, session_id: UUID, limit: int) -> Sequence[Message]:
        """Return a session's last completed messages, oldest first."""
        query = select(Message).where(Message.session_id == session_id, Message.status == "completed")
        return self._uow.session.scalars(query.order_by(Message.id.desc()).limit(limit)).all()[::-1]

    def prolong(self, message_ids: Collection[UUID], until: datetime) -> None:
        running = MESSAGES.c.id.in_(message_ids), MESSAGES.c.status == "pending"
        self._uow.connection.execute(update(MESSAGES).where(*running).values(leased_until=until))

    def abandoned(self, before: datetime | None) -> Sequence[Message]:
        """Return pending answers whose lease ended before the moment; all that are pending without one."""
        query = select(Message).where(Message.status == "pending").with_for_update(skip_locked=True)
        return self._uow.session.scalars(
            query.where(Message.leased_until < before) if before else query
        ).all()
