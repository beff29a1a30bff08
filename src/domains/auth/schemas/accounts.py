"""Request and response models of accounts and sign-ins."""

from datetime import datetime
from typing import Annotated, Literal, cast
from uuid import UUID

from pydantic import EmailStr, Field

from src.domains.auth.models import Role, User
from src.shared.schemas import ItemModel, Name, RequestModel, ResponseModel

Password = Annotated[str, Field(min_length=8, max_length=128)]


class RegisterRequest(RequestModel):
    email: EmailStr
    password: Password
    name: Name


class LoginRequest(RequestModel):
    email: str = Field(max_length=320)
    password: str = Field(max_length=128)


class RefreshRequest(RequestModel):
    refresh_token: str = Field(max_length=200)


class TokenResponse(ResponseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the OAuth2 name of the kind
    expires_in: int


class UserResponse(ItemModel):
    email: str
    name: str
    role: Role
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
            is_active=user.is_active,
            group_ids=[group.id for group in user.groups],
            created_at=user.created_at,
        )


class RenameRequest(RequestModel):
    name: Name
