"""Request and response models of accounts."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from pydantic import EmailStr, Field

from src.domains.auth.models import Language, Role, User
from src.domains.auth.services.passwords import LONGEST, SHORTEST
from src.shared.schemas import ItemModel, Name, RequestModel

NewPassword = Annotated[str, Field(min_length=SHORTEST, max_length=4 * LONGEST)]
"""A character may be sent in several pieces; they are counted once they are put together."""
GivenPassword = Annotated[str, Field(max_length=4 * LONGEST)]
Token = Annotated[str, Field(max_length=200)]


class RegisterRequest(RequestModel):
    email: EmailStr
    password: NewPassword
    name: Name
    language: Language | None = None


class ConfirmRequest(RequestModel):
    token: Token
    password: GivenPassword


class ChangePasswordRequest(RequestModel):
    current_password: GivenPassword
    new_password: NewPassword


class AskResetRequest(RequestModel):
    email: str = Field(max_length=320)


class ResetRequest(RequestModel):
    token: Token
    new_password: NewPassword


class ChangeAccountRequest(RequestModel):
    name: Name | None = None
    language: Language | None = None


class UserResponse(ItemModel):
    email: str
    name: str
    role: Role
    language: Language | None
    is_active: bool
    group_ids: list[UUID]
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserResponse":
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            role=cast("Role", user.role),
            language=cast("Language | None", user.language),
            is_active=user.is_active,
            group_ids=[group.id for group in user.groups],
            created_at=user.created_at,
        )
