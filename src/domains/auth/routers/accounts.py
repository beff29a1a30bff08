"""The HTTP API of accounts and their passwords."""

from fastapi import APIRouter

from src.domains.auth.dependencies import Accounts, Passwords, Person, Registrations, SignedIn
from src.domains.auth.schemas.accounts import (
    AskResetRequest,
    ChangeAccountRequest,
    ChangePasswordRequest,
    ConfirmRequest,
    RegisterRequest,
    ResetRequest,
    UserResponse,
)
from src.shared.description import PUBLIC

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/register", status_code=201, openapi_extra=PUBLIC)
async def register(body: RegisterRequest, registration: Registrations) -> UserResponse:
    return UserResponse.of(await registration.register(body.email, body.password, body.name, body.language))


@router.post("/register/confirm", status_code=201, openapi_extra=PUBLIC)
async def confirm_registration(body: ConfirmRequest, registration: Registrations) -> UserResponse:
    return UserResponse.of(await registration.confirm(body.token, body.password))


@router.get("/me")
async def me(principal: Person, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.account(principal.user_id))


@router.patch("/me")
async def change_me(body: ChangeAccountRequest, principal: SignedIn, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.change(principal.user_id, body.name, body.language))


@router.post("/me/password", status_code=204)
async def change_password(body: ChangePasswordRequest, principal: SignedIn, passwords: Passwords) -> None:
    await passwords.change(principal, body.current_password, body.new_password)


@router.post("/password-reset", status_code=202, openapi_extra=PUBLIC)
async def ask_password_reset(body: AskResetRequest, passwords: Passwords) -> None:
    await passwords.ask_reset(body.email)


@router.post("/password-reset/confirm", status_code=204, openapi_extra=PUBLIC)
async def reset_password(body: ResetRequest, passwords: Passwords) -> None:
    await passwords.reset(body.token, body.new_password)
