"""Request and response models of invitations."""

from datetime import datetime
from uuid import UUID

from pydantic import EmailStr, Field

from src.domains.auth.models import Language, Role
from src.domains.auth.schemas.accounts import NewPassword, Token
from src.shared.schemas import ItemModel, Name, RequestModel


class InviteRequest(RequestModel):
    email: EmailStr
    role: Role = "user"
    group_ids: list[UUID] = Field([], max_length=200)


class InvitationResponse(ItemModel):
    email: str
    role: Role
    group_ids: list[UUID]
    created_at: datetime
    expires_at: datetime


class AcceptRequest(RequestModel):
    token: Token
    name: Name
    password: NewPassword
    language: Language | None = None
