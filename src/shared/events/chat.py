"""What chat publishes."""

from typing import ClassVar
from uuid import UUID

from src.shared.events.base import DomainEvent


class ChatMessageReceived(DomainEvent):
    """A person asked something; the answer will be `answer_id`."""

    name: ClassVar[str] = "chat.message_received"
    subject: ClassVar[str | None] = "session_id"
    personal: ClassVar[frozenset[str]] = frozenset({"message"})

    session_id: UUID
    message_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    message: str


class ChatResponseGenerated(DomainEvent):
    """An answer is complete. Times in milliseconds from the question's arrival; cost in US dollars."""

    name: ClassVar[str] = "chat.response_generated"

    session_id: UUID
    message_id: UUID
    question_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    model: str
    grounded: bool
    retrieved_passage_ids: tuple[UUID, ...]
    cited_passage_ids: tuple[UUID, ...]
    tokens_in: int
    tokens_out: int
    cost: float
    first_token_ms: int
    total_ms: int


class ChatResponseFailed(DomainEvent):
    """A question got no complete answer. `code` is the error's; `interrupted` when the server ended meanwhile."""

    name: ClassVar[str] = "chat.response_failed"

    session_id: UUID
    message_id: UUID
    question_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    code: str


class FeedbackGiven(DomainEvent):
    """A person judged an answer; a later judgement of the same answer replaces it."""

    name: ClassVar[str] = "chat.feedback_given"
    subject: ClassVar[str | None] = "session_id"
    personal: ClassVar[frozenset[str]] = frozenset({"comment", "reasons"})

    session_id: UUID
    message_id: UUID
    user_id: UUID
    rating: str
    reasons: tuple[str, ...]
    comment: str


class SessionDeleted(DomainEvent):
    """A conversation is gone; whoever holds text of it erases it."""

    name: ClassVar[str] = "chat.session_deleted"

    session_id: UUID
    user_id: UUID
