"""What auth publishes."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from src.shared.events.base import DomainEvent


class UserRegistered(DomainEvent):
    """Somebody has an account now."""

    name: ClassVar[str] = "auth.user_registered"

    user_id: UUID
    role: str


class AccountRights(BaseModel):
    """What an account may do."""

    model_config = ConfigDict(frozen=True)

    role: str
    is_active: bool
    group_ids: tuple[UUID, ...]


class UserRightsChanged(DomainEvent):
    """What an account may do is now this: the whole of it, not the difference."""

    name: ClassVar[str] = "auth.user_rights_changed"

    user_id: UUID
    role: str
    is_active: bool
    group_ids: tuple[UUID, ...]
    before: AccountRights | None = None


class SignedOut(DomainEvent):
    """A sign-in ended; its access tokens hold no longer."""

    name: ClassVar[str] = "auth.signed_out"

    user_id: UUID
    sign_in_id: UUID


class ApiKeyCreated(DomainEvent):
    """A person has one more API key; whoever must know the key's hash takes it from auth."""

    name: ClassVar[str] = "auth.api_key_created"

    user_id: UUID
    key_id: UUID
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


class ApiKeyRevoked(DomainEvent):
    """An API key holds no longer."""

    name: ClassVar[str] = "auth.api_key_revoked"

    user_id: UUID
    key_id: UUID


class GroupCreated(DomainEvent):
    """An administrator made a group."""

    name: ClassVar[str] = "auth.group_created"

    group_id: UUID
    group_name: str


class GroupRenamed(DomainEvent):
    """A group has this name now; it had that of `before`."""

    name: ClassVar[str] = "auth.group_renamed"

    group_id: UUID
    group_name: str
    before: str


class GroupDeleted(DomainEvent):
    """A group is gone; its members' rights are told one by one."""

    name: ClassVar[str] = "auth.group_deleted"

    group_id: UUID
    before: str | None = None
    """Its name."""


class AuditExported(DomainEvent):
    """An administrator took a copy of the audit log with them."""

    name: ClassVar[str] = "auth.audit_exported"

    user_id: UUID
    filters: dict[str, str]
