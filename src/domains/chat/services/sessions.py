"""Sessions, their messages, and feedback on answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from src.domains.chat.models import Message, Rating, Session
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import FeedbackGiven, SessionDeleted
from src.shared.exceptions.errors import Conflict, NotFound


class UnknownSession(NotFound):
    code = "unknown_session"


class UnknownMessage(NotFound):
    code = "unknown_message"


class NotAnAnswer(Conflict):
    code = "not_an_answer"


@dataclass(frozen=True)
class Feedback:
    """What a person thinks of an answer."""

    rating: Rating
    reasons: Sequence[str]
    comment: str


class SessionService:
    """A person's own conversations; anybody else's do not exist for them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user_id: UUID, title: str) -> Session:
        def create(uow: UnitOfWork) -> Session:
            now = utc_now()
            session = Session(user_id=user_id, title=title, created_at=now, updated_at=now)
            SessionRepository(uow).add(session)
            return session

        return await self._database.write(create)

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Session]:
        return await self._database.read(lambda uow: SessionRepository(uow).page(user_id, before, limit))

    async def get(self, user_id: UUID, session_id: UUID) -> Session:
        return await self._database.read(lambda uow: find_session(uow, user_id, session_id))

    async def rename(self, user_id: UUID, session_id: UUID, title: str) -> Session:
        def rename(uow: UnitOfWork) -> Session:
            session = find_session(uow, user_id, session_id, for_update=True)
            session.title = title
            return session

        return await self._database.write(rename)

    async def delete(self, user_id: UUID, session_id: UUID) -> None:
        """Delete a session with its messages, and the text of them in the event log."""

        def delete(uow: UnitOfWork) -> None:
            session = find_session(uow, user_id, session_id, for_update=True)
            SessionRepository(uow).delete(session)
            uow.redact(session_id)
            uow.record(SessionDeleted(session_id=session_id, user_id=user_id))

        await self._database.write(delete)

    async def messages(
        self, user_id: UUID, session_id: UUID, after: UUID | None, limit: int
    ) -> Sequence[Message]:
        def messages(uow: UnitOfWork) -> Sequence[Message]:
            find_session(uow, user_id, session_id)
            return MessageRepository(uow).page(session_id, after, limit)

        return await self._database.read(messages)

    async def give_feedback(self, user_id: UUID, message_id: UUID, feedback: Feedback) -> Message:
        def save(uow: UnitOfWork) -> Message:
            message = find_message(uow, user_id, message_id, for_update=True)
            if message.role != "assistant":
                raise NotAnAnswer("Only answers can be rated.")
            message.feedback = feedback.rating
            message.feedback_reasons = list(feedback.reasons)
            message.feedback_comment = feedback.comment
            uow.record(
                FeedbackGiven(
                    session_id=message.session_id,
                    message_id=message_id,
                    user_id=user_id,
                    rating=feedback.rating,
                    reasons=tuple(feedback.reasons),
                    comment=feedback.comment,
                )
            )
            return message

        return await self._database.write(save)


def find_session(uow: UnitOfWork, user_id: UUID, session_id: UUID, *, for_update: bool = False) -> Session:
    session = SessionRepository(uow).owned(session_id, user_id, for_update=for_update)
    if session is None:
        raise UnknownSession("There is no such session.")
    return session


def find_message(uow: UnitOfWork, user_id: UUID, message_id: UUID, *, for_update: bool = False) -> Message:
    message = MessageRepository(uow).owned(message_id, user_id, for_update=for_update)
    if message is None:
        raise UnknownMessage("There is no such message.")
    return message
