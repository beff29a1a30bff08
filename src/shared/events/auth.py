"""What auth publishes."""

from datetime import datetime
from typing import ClassVar, Literal
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


class SignedIn(DomainEvent):
    """A person has shown who they are, and has a new sign-in."""

    name: ClassVar[str] = "auth.signed_in"

    user_id: UUID
    sign_in_id: UUID
    method: Literal["password", "second_factor", "recovery_code", "openid"]


class SignInFailed(DomainEvent):
    """Somebody did not show who they are; `user_id` is None when there is no such account."""

    name: ClassVar[str] = "auth.sign_in_failed"

    user_id: UUID | None
    reason: Literal["password", "account_closed", "second_factor"]


class SignedOut(DomainEvent):
    """A sign-in ended; its access tokens hold no longer."""

    name: ClassVar[str] = "auth.signed_out"

    user_id: UUID
    sign_in_id: UUID
    reason: Literal["asked", "token_reused", "password_changed", "too_many"] = "asked"


class RegistrationAsked(DomainEvent):
    """Somebody wants an account, and has yet to show that the address is theirs."""

    name: ClassVar[str] = "auth.registration_asked"

    registration_id: UUID


class InvitationMade(DomainEvent):
    """An administrator invites somebody; the mail has yet to be sent."""

    name: ClassVar[str] = "auth.invitation_made"

    invitation_id: UUID
    made_by: UUID
    role: str
    group_ids: tuple[UUID, ...]


class InvitationRenewed(DomainEvent):
    """An invitation is to be sent once more; what was sent before holds no longer."""

    name: ClassVar[str] = "auth.invitation_renewed"

    invitation_id: UUID
    renewed_by: UUID


class InvitationWithdrawn(DomainEvent):
    """An invitation holds no longer."""

    name: ClassVar[str] = "auth.invitation_withdrawn"

    invitation_id: UUID
    withdrawn_by: UUID


class InvitationAccepted(DomainEvent):
    """Somebody who was invited has an account now."""

    name: ClassVar[str] = "auth.invitation_accepted"

    invitation_id: UUID
    user_id: UUID


class PasswordChanged(DomainEvent):
    """A person has a new password: by the one before, or by a link that was sent to their address."""

    name: ClassVar[str] = "auth.password_changed"

    user_id: UUID
    means: Literal["password", "reset"]


class PasswordResetAsked(DomainEvent):
    """Somebody wants to set a new password; `user_id` is None when the address has no account."""

    name: ClassVar[str] = "auth.password_reset_asked"

    user_id: UUID | None


class SecondFactorAdded(DomainEvent):
    """A person signs in with a second factor from now on."""

    name: ClassVar[str] = "auth.second_factor_added"

    user_id: UUID


class SecondFactorRemoved(DomainEvent):
    """A person signs in without a second factor from now on; it was they or an administrator who did it."""

    name: ClassVar[str] = "auth.second_factor_removed"

    user_id: UUID
    removed_by: UUID


class ForeignIdentityLinked(DomainEvent):
    """A person can sign in by an OpenID provider from now on."""

    name: ClassVar[str] = "auth.foreign_identity_linked"

    user_id: UUID
    issuer: str


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
