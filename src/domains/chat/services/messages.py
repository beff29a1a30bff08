"""The messages of a session as they are shown, and what people think of answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from src.domains.chat.models import Message, Rating
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.guardrail import Sealer
from src.domains.chat.services.guardrail_rules import RuleBook
from src.domains.chat.services.masking import restored
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.screening import hidden_in
from src.domains.chat.services.sessions import NotAnAnswer, find_message, find_session
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.chat import FeedbackGiven, FeedbackWithdrawn
from src.shared.middleware.authentication import Principal


@dataclass(frozen=True)
class Feedback:
    """What a person thinks of an answer."""

    rating: Rating
    reasons: Sequence[str]
    comment: str


@dataclass(frozen=True)
class MessageView:
    """A message as its reader may see it, with all that have the same parent, oldest first, itself among them.

    `content` has what was masked in it.
    """

    message: Message
    siblings: Sequence[UUID]
    citations: Sequence[Citation]
    content: str


class _Found(NamedTuple):
    """Messages of one session with their siblings, and what was masked in it, sealed."""

    messages: Sequence[tuple[Message, Sequence[UUID]]]
    masked_values: str | None


class MessageService:
    """A person's own messages; anybody else's do not exist for them."""

    def __init__(
        self, database: Database, citations: ReadableCitations, sealer: Sealer, rules: RuleBook
    ) -> None:
        self._database = database
        self._citations = citations
        self._sealer = sealer
        self._rules = rules

    async def page(
        self, reader: Principal, session_id: UUID, after: UUID | None, limit: int
    ) -> list[MessageView]:
        """Return the branch that is shown, oldest first."""

        def page(uow: UnitOfWork) -> _Found:
            leaf_id = find_session(uow, reader.user_id, session_id).leaf_id
            messages = MessageRepository(uow).shown(leaf_id, after, limit) if leaf_id else []
            return _with_siblings(uow, messages)

        return await self._views(reader, await self._database.read(page))

    async def get(self, reader: Principal, message_id: UUID) -> MessageView:
        def get(uow: UnitOfWork) -> _Found:
            return _with_siblings(uow, [find_message(uow, reader.user_id, message_id)])

        [view] = await self._views(reader, await self._database.read(get))
        return view

    async def give_feedback(self, person: Principal, message_id: UUID, feedback: Feedback) -> MessageView:
        """Save what a person says, without what the guardrail would mask in a question."""
        rules = self._rules.current
        reasons = [hidden_in(each, rules) for each in feedback.reasons]
        comment = hidden_in(feedback.comment, rules)

        def save(uow: UnitOfWork) -> _Found:
            message = _find_answer(uow, person.user_id, message_id)
            message.feedback = feedback.rating
            message.feedback_reasons = reasons
            message.feedback_comment = comment
            uow.record(
                FeedbackGiven(
                    session_id=message.session_id,
                    message_id=message_id,
                    user_id=person.user_id,
                    rating=feedback.rating,
                    reasons=tuple(reasons),
                    comment=comment,
                )
            )
            return _with_siblings(uow, [message])

        [view] = await self._views(person, await self._database.write(save))
        return view

    async def withdraw_feedback(self, user_id: UUID, message_id: UUID) -> None:
        def withdraw(uow: UnitOfWork) -> None:
            message = _find_answer(uow, user_id, message_id)
            if message.feedback is None:
                return
            message.feedback, message.feedback_reasons, message.feedback_comment = None, [], None
            uow.record(
                FeedbackWithdrawn(session_id=message.session_id, message_id=message_id, user_id=user_id)
            )

        await self._database.write(withdraw)

    async def _views(self, reader: Principal, found: _Found) -> list[MessageView]:
        citations = await self._citations.of([message for message, _siblings in found.messages], reader)
        masked = self._sealer.unseal(found.masked_values)
        return [
            MessageView(message, siblings, citations[message.id], restored(message.content, masked))
            for message, siblings in found.messages
        ]


def _find_answer(uow: UnitOfWork, user_id: UUID, message_id: UUID) -> Message:
    message = find_message(uow, user_id, message_id, for_update=True)
    if message.role != "assistant":
        raise NotAnAnswer("Only answers can be rated.")
    return message


def _with_siblings(uow: UnitOfWork, messages: Sequence[Message]) -> _Found:
    """Messages of one session, each with those of the same parent."""
    if not messages:
        return _Found([], None)
    session_id = messages[0].session_id
    siblings = MessageRepository(uow).siblings(session_id, {message.parent_id for message in messages})
    return _Found(
        [(message, siblings[message.parent_id]) for message in messages],
        SessionRepository(uow).masked_values(session_id),
    )
