"""The HTTP API of accounts and sign-ins."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm

from src.domains.auth.dependencies import Accounts, Person, SignedIn
from src.domains.auth.schemas.accounts import (
    LoginRequest,
    RefreshRequest,
    RegisterRequest,
    RenameRequest,
    TokenResponse,
    UserResponse,
)
from src.shared.description import PUBLIC

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/register", status_code=201, openapi_extra=PUBLIC)
async def register(body: RegisterRequest, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.register(body.email, body.password, body.name))


@router.post("/login", openapi_extra=PUBLIC)
async def log_in(body: LoginRequest, accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.sign_in(body.email, body.password))


@router.post("/token", openapi_extra=PUBLIC)
async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()], accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.sign_in(form.username, form.password))


@router.post("/refresh", openapi_extra=PUBLIC)
async def refresh(body: RefreshRequest, accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.refresh(body.refresh_token))


@router.post("/logout", status_code=204, openapi_extra=PUBLIC)
async def log_out(body: RefreshRequest, accounts: Accounts) -> None:
    await accounts.sign_out(body.refresh_token)


@router.get("/me")
async def me(principal: Person, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.account(principal.user_id))


@router.patch("/me")
async def rename_me(body: RenameRequest, principal: SignedIn, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.rename(principal.user_id, body.name))
