"""Request and response models of sessions and of the messages in them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from src.domains.chat.models import MessageRole, MessageStatus, Rating
from src.domains.chat.services.citations import Citation
from src.shared.schemas import ItemModel, Name, RequestModel


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


class FeedbackRequest(RequestModel):
    rating: Rating
    reasons: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=20)
    comment: str = Field("", max_length=2000)
