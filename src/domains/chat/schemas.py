"""Request and response models of chat."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from src.domains.chat.models import MessageRole, MessageStatus, Rating
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.generations import Generation
from src.shared.schemas import ItemModel, Name, RequestModel, ResponseModel


class CreateSessionRequest(RequestModel):
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class RenameSessionRequest(RequestModel):
    title: Name


class SessionResponse(ItemModel):
    title: str
    created_at: datetime
    updated_at: datetime


class MessageResponse(ItemModel):
    session_id: UUID
    role: MessageRole
    content: str
    status: MessageStatus
    grounded: bool | None
    citations: list[Citation]
    feedback: Rating | None
    created_at: datetime


class ChatRequest(RequestModel):
    message: str
    session_id: UUID | None = None


class SendMessageRequest(RequestModel):
    content: str
    stream: bool = False


class UsageResponse(ResponseModel):
    """Tokens of the answer; `cost` in US dollars."""

    tokens_in: int
    tokens_out: int
    cost: float


class ChatResponse(ResponseModel):
    session_id: UUID
    message_id: UUID
    answer: str
    citations: list[Citation]
    grounded: bool
    usage: UsageResponse

    @classmethod
    def of(cls, generation: Generation) -> "ChatResponse":
        return cls(
            session_id=generation.session_id,
            message_id=generation.message_id,
            answer=generation.text,
            citations=list(generation.citations),
            grounded=generation.grounded,
            usage=UsageResponse.model_validate(generation.usage),
        )


class FeedbackRequest(RequestModel):
    rating: Rating
    reasons: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=20)
    comment: str = Field("", max_length=2000)
