"""Tables of auth."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from src.infrastructure.database.base import Base, domain_metadata, primary_id

Role = Literal["admin", "editor", "user", "pending"]
"""Somebody who is `pending` has signed up and sees their own account, until an administrator lets them in."""
Language = Literal["ko", "en"]


class AuthRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


membership = Table(
    "auth_membership",
    AuthRecord.metadata,
    Column("user_id", ForeignKey("auth_user.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("auth_group.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Group(AuthRecord):
    """People who may read the same collections."""

    __tablename__ = "auth_group"

    id: Mapped[UUID] = primary_id()
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class User(AuthRecord):
    """An account. `email` is kept case-folded; it is the identity. Without a password it signs in elsewhere."""

    __tablename__ = "auth_user"
    __table_args__ = (CheckConstraint(f"role IN {get_args(Role)}", name="role"),)

    id: Mapped[UUID] = primary_id()
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str]
    language: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    groups: Mapped[list[Group]] = relationship(secondary=membership, lazy="raise", order_by=Group.name)


class SignIn(AuthRecord):
    """One device's sign-in, until it expires or is ended.

    Its refresh tokens are a family: all begin with the same secret (`family_hash`), one at a time holds
    (`refresh_hash`). Address and user agent are those of its last refresh.
    """

    __tablename__ = "auth_sign_in"

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    family_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    refreshed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    address: Mapped[str]
    user_agent: Mapped[str]


class ApiKey(AuthRecord):
    """What a program calls with in a person's name: the key's hash, and how it begins, to know it by."""

    __tablename__ = "auth_api_key"

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class AttemptCount(AuthRecord):
    """Attempts under one key (hashed): a number that falls with time, and until when the next has to wait."""

    __tablename__ = "auth_attempt_count"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    attempts: Mapped[float]
    counted_at: Mapped[datetime]
    closed_until: Mapped[datetime]
    forgotten_at: Mapped[datetime] = mapped_column(index=True)


class Registration(AuthRecord):
    """An account that somebody asked for, until they show that the address is theirs."""

    __tablename__ = "auth_registration"

    id: Mapped[UUID] = primary_id()
    email: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str | None]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Invitation(AuthRecord):
    """An account that an administrator offers to an address; gone when it is accepted or withdrawn."""

    __tablename__ = "auth_invitation"
    __table_args__ = (CheckConstraint(f"role IN {get_args(Role)}", name="role"),)

    id: Mapped[UUID] = primary_id()
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    group_ids: Mapped[list[str]] = mapped_column(JSON)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PasswordReset(AuthRecord):
    """A link, sent by mail, with which a person can set a new password once."""

    __tablename__ = "auth_password_reset"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


class SecondFactor(AuthRecord):
    """What a person's authenticator app shares with us, encrypted, and the last time step used (RFC 6238)."""

    __tablename__ = "auth_second_factor"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCode(AuthRecord):
    """A code that stands in for the second factor once."""

    __tablename__ = "auth_recovery_code"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class ForeignIdentity(AuthRecord):
    """Who an account is to an OpenID provider: its issuer, and the issuer's own name for the person."""

    __tablename__ = "auth_foreign_identity"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]


class AuditEntry(AuthRecord):
    """Who did what, from where. Entries are added and never changed: triggers refuse it.

    Each has the SHA-256 of the one before and its own, over that and its content (see `services/audit.py`), so
    a change or a cut shows. `target` is what it was done to, as `user:<id>`; `details` and `before` are JSON.
    """

    __tablename__ = "auth_audit_entry"
    __table_args__ = (
        Index("ix_auth_audit_entry_actor_id_number", "actor_id", "number"),
        Index("ix_auth_audit_entry_action_number", "action", "number"),
    )

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    event_id: Mapped[UUID] = mapped_column(unique=True)
    occurred_at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str]
    actor_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    address: Mapped[str]
    channel: Mapped[str]
    request_id: Mapped[str]
    target: Mapped[str]
    before: Mapped[str | None] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditAnchor(AuthRecord):
    """The last entry that was cut off because of its age: the chain goes on from its hash. One row, or none."""

    __tablename__ = "auth_audit_anchor"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
