"""Tables of chat."""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from src.domains.chat.services.guardrail import Action, Category
from src.infrastructure.database.base import Base, domain_metadata, primary_id

MessageRole = Literal["user", "assistant"]
MessageStatus = Literal["pending", "completed", "stopped", "failed", "interrupted", "blocked"]
Rating = Literal["up", "down"]
Channel = Literal["chat", "openai"]
WithoutSources = Literal["say_so", "answer"]
BudgetScope = Literal["default", "platform", "user", "group"]

PENDING = text("status = 'pending'")


class ChatRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Profile(ChatRecord):
    """An assistant, made by an administrator. No groups: for everyone; no collections: all that one may read.

    `without_sources` says what becomes of a question that no passage fits.
    """

    __tablename__ = "chat_profile"
    __table_args__ = (
        CheckConstraint(f"without_sources IN {get_args(WithoutSources)}", name="without_sources"),
    )

    id: Mapped[UUID] = primary_id()
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    system_prompt: Mapped[str]
    model: Mapped[str | None]
    temperature: Mapped[float | None]
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    group_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    without_sources: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Session(ChatRecord):
    """A conversation of one person.

    Its messages are a tree; `leaf_id` is the last message of the branch that is shown and continued. A deleted
    session can be restored until it is erased; a temporary one is listed nowhere, and erased soon. Without a
    profile, or when that is gone, the platform's own assistant answers. `masked_values` are what the placeholders
    in its messages stand for, sealed.
    """

    __tablename__ = "chat_session"
    __table_args__ = (Index("ix_chat_session_user_id_updated_at", "user_id", "updated_at"),)

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID]
    channel: Mapped[str] = mapped_column(default="chat", server_default="chat")
    title: Mapped[str]
    title_is_automatic: Mapped[bool] = mapped_column(default=True, server_default=true())
    profile_id: Mapped[UUID | None]
    model: Mapped[str | None]
    leaf_id: Mapped[UUID | None]
    is_temporary: Mapped[bool] = mapped_column(default=False, server_default=false())
    masked_values: Mapped[str | None]
    pinned_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(ChatRecord):
    """A question or an answer. What follows `status` is the answer's alone; times in ms, cost in US dollars.

    `parent_id` is the message that it follows: a question's is the answer before it, an answer's its question.
    Messages with one parent are branches. `summary` tells in short all that was said up to this message.

    A blocked question never reached a model, and a blocked answer is what its asker was told instead, or what
    there was of it when it was cut off.

    A pending answer is being written by a server process that prolongs `leased_until` while it lives.
    """

    __tablename__ = "chat_message"
    __table_args__ = (
        CheckConstraint(f"role IN {get_args(MessageRole)}", name="role"),
        CheckConstraint(f"status IN {get_args(MessageStatus)}", name="status"),
        Index("ix_chat_message_session_id_id", "session_id", "id"),
        Index("ix_chat_message_parent_id", "parent_id"),
        Index("ix_chat_message_pending", "status", sqlite_where=PENDING, postgresql_where=PENDING),
    )

    id: Mapped[UUID] = primary_id()
    session_id: Mapped[UUID] = mapped_column(ForeignKey("chat_session.id", ondelete="CASCADE"))
    parent_id: Mapped[UUID | None]
    role: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    status: Mapped[str]
    leased_until: Mapped[datetime | None]
    stop_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str | None]
    failed_models: Mapped[list[str]] = mapped_column(JSON, default=list)
    finish_reason: Mapped[str | None]
    grounded: Mapped[bool | None]
    searched_for: Mapped[str | None]
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    tool_calls: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    summary: Mapped[str | None]
    tokens_in: Mapped[int | None]
    tokens_out: Mapped[int | None]
    cost: Mapped[float | None]
    first_token_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    error_code: Mapped[str | None]
    feedback: Mapped[str | None]
    feedback_reasons: Mapped[list[str]] = mapped_column(JSON, default=list)
    feedback_comment: Mapped[str | None]


class CitedDocument(ChatRecord):
    """Which answers hold passages of which document: they are erased with it."""

    __tablename__ = "chat_cited_document"
    __table_args__ = (Index("ix_chat_cited_document_document_id", "document_id"),)

    message_id: Mapped[UUID] = mapped_column(
        ForeignKey("chat_message.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[UUID] = mapped_column(primary_key=True)


class DeletedDocument(ChatRecord):
    """A document that is gone. An answer that was being written then may still come to cite it."""

    __tablename__ = "chat_deleted_document"

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime]


class GuardrailRule(ChatRecord):
    """What becomes of texts in which something of a category is found; see `Rule`."""

    __tablename__ = "chat_guardrail_rule"
    __table_args__ = (
        CheckConstraint(f"category IN {get_args(Category)}", name="category"),
        CheckConstraint(f"action IN {get_args(Action)}", name="action"),
    )

    id: Mapped[UUID] = primary_id()
    category: Mapped[str]
    action: Mapped[str]
    directions: Mapped[list[str]] = mapped_column(JSON, default=list)
    terms: Mapped[list[str]] = mapped_column(JSON, default=list)
    profile_id: Mapped[UUID | None]
    reply: Mapped[str]
    is_enabled: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Share(ChatRecord):
    """A link by which colleagues read a session as it was up to `leaf_id`."""

    __tablename__ = "chat_share"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("chat_session.id", ondelete="CASCADE"), primary_key=True
    )
    token: Mapped[str] = mapped_column(unique=True)
    leaf_id: Mapped[UUID]
    created_at: Mapped[datetime]


class IdempotencyKey(ChatRecord):
    """A request that was carried out under a name that its sender gave it; the answer is its only one."""

    __tablename__ = "chat_idempotency_key"
    __table_args__ = (Index("ix_chat_idempotency_key_created_at", "created_at"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    answer_id: Mapped[UUID]
    created_at: Mapped[datetime]


class Budget(ChatRecord):
    """What may be used in a day and in a month; None is no limit. Costs are in billionths of a US dollar.

    It is for one user or group, for the whole platform, or for each user who has none of their own (`default`);
    the last two have the `subject_id` 0.
    """

    __tablename__ = "chat_budget"
    __table_args__ = (
        CheckConstraint(f"scope IN {get_args(BudgetScope)}", name="scope"),
        UniqueConstraint("scope", "subject_id"),
    )

    id: Mapped[UUID] = primary_id()
    scope: Mapped[str]
    subject_id: Mapped[UUID]
    day_tokens: Mapped[int | None] = mapped_column(BigInteger)
    day_cost: Mapped[int | None] = mapped_column(BigInteger)
    month_tokens: Mapped[int | None] = mapped_column(BigInteger)
    month_cost: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]


class BudgetAccount(ChatRecord):
    """What a user, a group or the platform has used in one day or month, and what is reserved for them.

    Who changes several of them locks them in the order of their names, which say whose they are and when.
    `told_nearly_used` is set once those who listen have heard that little is left.
    """

    __tablename__ = "chat_budget_account"
    __table_args__ = (Index("ix_chat_budget_account_ends_at", "ends_at"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    tokens_used: Mapped[int] = mapped_column(BigInteger)
    cost_used: Mapped[int] = mapped_column(BigInteger)
    tokens_reserved: Mapped[int] = mapped_column(BigInteger)
    cost_reserved: Mapped[int] = mapped_column(BigInteger)
    told_nearly_used: Mapped[bool]


class Reservation(ChatRecord):
    """What a call of a model may take at the most; it is in all of the `accounts` until it is settled.

    The process that makes the call prolongs `leased_until` while it lives. `message_id` is the answer that is
    written, if it is one; `tokens_in` is what the model is given, and `cost` in billionths of a US dollar.
    """

    __tablename__ = "chat_reservation"
    __table_args__ = (Index("ix_chat_reservation_leased_until", "leased_until"),)

    id: Mapped[UUID] = primary_id()
    message_id: Mapped[UUID | None]
    model: Mapped[str]
    accounts: Mapped[list[str]] = mapped_column(JSON)
    tokens: Mapped[int] = mapped_column(BigInteger)
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int] = mapped_column(BigInteger)
    leased_until: Mapped[datetime]
