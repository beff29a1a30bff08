"""Response models of shares."""

from datetime import datetime
from uuid import UUID

from src.domains.chat.models import MessageRole, MessageStatus
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.sharing import SharedSession
from src.shared.schemas import ItemModel, ResponseModel


class ShareResponse(ResponseModel):
    token: str
    created_at: datetime


class SharedMessageResponse(ItemModel):
    """A message as colleagues see it; its citations are those that they may read themselves."""

    role: MessageRole
    content: str
    status: MessageStatus
    model: str | None
    grounded: bool | None
    citations: list[Citation]
    created_at: datetime


_OF_MESSAGE = SharedMessageResponse.model_fields.keys() - {"citations"}


class SharedSessionResponse(ResponseModel):
    title: str
    created_at: datetime
    messages: list[SharedMessageResponse]
    next_cursor: UUID | None

    @classmethod
    def of(cls, shared: SharedSession, limit: int) -> "SharedSessionResponse":
        messages = [
            SharedMessageResponse.model_validate(
                {**{name: getattr(message, name) for name in _OF_MESSAGE}, "citations": citations}
            )
            for message, citations in shared.messages
        ]
        next_cursor = messages[-1].id if len(messages) == limit else None
        return cls(
            title=shared.title, created_at=shared.created_at, messages=messages, next_cursor=next_cursor
        )
