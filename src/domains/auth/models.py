"""Tables of auth."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, LargeBinary, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from src.infrastructure.database.base import Base, domain_metadata, primary_id

Role = Literal["admin", "user"]


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
    """An account. `email` is kept case-folded; it is the identity."""

    __tablename__ = "auth_user"
    __table_args__ = (CheckConstraint(f"role IN {get_args(Role)}", name="role"),)

    id: Mapped[UUID] = primary_id()
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    groups: Mapped[list[Group]] = relationship(secondary=membership, lazy="raise", order_by=Group.name)


class SignIn(AuthRecord):
    """One device's sign-in: its current refresh token (hashed), until it expires or is ended."""

    __tablename__ = "auth_sign_in"

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    refresh_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class ApiKey(AuthRecord):
    """What a program calls with in a person's name: the key's hash, and how it begins, to know it by."""

    __tablename__ = "auth_api_key"

    id: Mapped[UUID] = primary_id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("auth_user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
