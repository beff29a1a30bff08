"""Tables of chat."""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database.base import Base, domain_metadata, primary_id

MessageRole = Literal["user", "assistant"]
MessageStatus = Literal["pending", "completed", "failed", "interrupted"]
Rating = Literal["up", "down"]

PENDING = text("status = 'pending'")


class ChatRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Session(ChatRecord):
    """A conversation of one person."""

    __tablename__ = "chat_session"
    __table_args__ = (Index("ix_chat_session_user_id_id", "user_id", "id"),)

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID]
    title: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(ChatRecord):
    """A question or an answer. What follows `status` is the answer's alone; times in ms, cost in US dollars.

    A pending answer is being written by a server process that prolongs `leased_until` while it lives.
    """

    __tablename__ = "chat_message"
    __table_args__ = (
        CheckConstraint(f"role IN {get_args(MessageRole)}", name="role"),
        CheckConstraint(f"status IN {get_args(MessageStatus)}", name="status"),
        Index("ix_chat_message_session_id_id", "session_id", "id"),
        Index("ix_chat_message_pending", "status", sqlite_where=PENDING, postgresql_where=PENDING),
    )

    id: Mapped[UUID] = primary_id()
    session_id: Mapped[UUID] = mapped_column(ForeignKey("chat_session.id", ondelete="CASCADE"))
    role: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    status: Mapped[str]
    leased_until: Mapped[datetime | None]
    question_id: Mapped[UUID | None]
    model: Mapped[str | None]
    grounded: Mapped[bool | None]
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost: Mapped[float | None]
    first_token_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    error_code: Mapped[str | None]
    feedback: Mapped[str | None]
    feedback_reasons: Mapped[list[str]] = mapped_column(JSON, default=list)
    feedback_comment: Mapped[str | None]
