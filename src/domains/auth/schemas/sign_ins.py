"""Request and response models of sign-ins and second factors."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from src.domains.auth.models import SignIn
from src.domains.auth.schemas.accounts import GivenPassword, Token
from src.shared.schemas import ItemModel, RequestModel, ResponseModel

Code = Field(min_length=6, max_length=40)


class LoginRequest(RequestModel):
    email: str = Field(max_length=320)
    password: GivenPassword
    device_token: str | None = Field(None, max_length=1000)


class SecondFactorLoginRequest(RequestModel):
    challenge: str = Field(max_length=2000)
    code: str = Code


class RefreshRequest(RequestModel):
    refresh_token: Token


class TokenResponse(ResponseModel):
    """`device_token` comes with a new sign-in; sent along at the next one, it says that the device is known."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the OAuth2 name of the kind
    expires_in: int
    device_token: str | None


class SignInResponse(ItemModel):
    """Address and user agent are those of the last refresh."""

    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    is_current: bool

    @classmethod
    def of(cls, sign_in: SignIn, current_id: UUID | None) -> "SignInResponse":
        return cls(
            id=sign_in.id,
            created_at=sign_in.created_at,
            refreshed_at=sign_in.refreshed_at,
            expires_at=sign_in.expires_at,
            address=sign_in.address,
            user_agent=sign_in.user_agent,
            is_current=sign_in.id == current_id,
        )


class EnrolRequest(RequestModel):
    password: GivenPassword


class EnrolmentResponse(ResponseModel):
    secret: str
    otpauth_uri: str


class ConfirmFactorRequest(RequestModel):
    code: str = Code


class RecoveryCodesResponse(ResponseModel):
    """The one answer that has the codes."""

    recovery_codes: list[str]


class RemoveFactorRequest(RequestModel):
    password: GivenPassword
    code: str = Code


class SecondFactorResponse(ResponseModel):
    enabled: bool
    recovery_codes_left: int
