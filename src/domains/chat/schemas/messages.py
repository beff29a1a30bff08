"""Request and response models of messages, of feedback on them, and of the search in them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from src.domains.chat.models import Message, MessageRole, MessageStatus, Rating
from src.domains.chat.schemas.turns import UsageResponse
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.messages import MessageView
from src.shared.schemas import ItemModel, RequestModel


class MessageResponse(ItemModel):
    """`siblings` are all messages with the same parent, oldest first, this one among them: the branches here.

    `failed_models` were tried before `model`; `searched_for` is what passages were looked up by.
    """

    session_id: UUID
    parent_id: UUID | None
    siblings: list[UUID]
    role: MessageRole
    content: str
    status: MessageStatus
    model: str | None
    failed_models: list[str]
    finish_reason: str | None
    grounded: bool | None
    searched_for: str | None
    citations: list[Citation]
    tool_calls: list[dict[str, Any]]
    usage: UsageResponse | None
    error_code: str | None
    feedback: Rating | None
    feedback_reasons: list[str]
    feedback_comment: str | None
    created_at: datetime

    @classmethod
    def of(cls, view: MessageView) -> "MessageResponse":
        of_message = {name: getattr(view.message, name) for name in _OF_MESSAGE}
        return cls.model_validate(
            {
                **of_message,
                "content": view.content,
                "siblings": view.siblings,
                "citations": view.citations,
                "usage": _usage(view.message),
            }
        )


_OF_MESSAGE = MessageResponse.model_fields.keys() - {"siblings", "citations", "usage", "content"}


def _usage(message: Message) -> UsageResponse | None:
    if message.tokens_in is None or message.tokens_out is None:
        return None
    return UsageResponse(tokens_in=message.tokens_in, tokens_out=message.tokens_out, cost=message.cost or 0.0)


class FeedbackRequest(RequestModel):
    rating: Rating
    reasons: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=20)
    comment: str = Field("", max_length=2000)


class HitResponse(ItemModel):
    """A message that was found; `excerpt` is a piece of it around the first word that was searched for."""

    session_id: UUID
    session_title: str
    role: MessageRole
    excerpt: str
    created_at: datetime
