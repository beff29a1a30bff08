"""The HTTP API of auth."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm

from src.domains.auth.dependencies import Accounts, Administration, ApiKeys, SignedIn
from src.domains.auth.schemas import (
    ApiKeyResponse,
    CreateApiKeyRequest,
    GroupRequest,
    GroupResponse,
    LoginRequest,
    NewApiKeyResponse,
    RefreshRequest,
    RegisterRequest,
    RenameRequest,
    RightsRequest,
    TokenResponse,
    UserResponse,
)
from src.domains.auth.services.administration import RightsChange
from src.shared.middleware.authentication import Principal, current_admin, current_principal
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth", tags=["auth"])
admin_router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(current_admin)])

CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


@router.post("/register", status_code=201)
async def register(body: RegisterRequest, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.register(body.email, body.password, body.name))


@router.post("/login")
async def log_in(body: LoginRequest, accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.sign_in(body.email, body.password))


@router.post("/token")
async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()], accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.sign_in(form.username, form.password))


@router.post("/refresh")
async def refresh(body: RefreshRequest, accounts: Accounts) -> TokenResponse:
    return TokenResponse.model_validate(await accounts.refresh(body.refresh_token))


@router.post("/logout", status_code=204)
async def log_out(body: RefreshRequest, accounts: Accounts) -> None:
    await accounts.sign_out(body.refresh_token)


@router.get("/me")
async def me(principal: CurrentPrincipal, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.account(principal.user_id))


@router.patch("/me")
async def rename_me(body: RenameRequest, principal: CurrentPrincipal, accounts: Accounts) -> UserResponse:
    return UserResponse.of(await accounts.rename(principal.user_id, body.name))


@router.post("/api-keys", status_code=201)
async def create_api_key(
    body: CreateApiKeyRequest, principal: SignedIn, api_keys: ApiKeys
) -> NewApiKeyResponse:
    lifetime = timedelta(days=body.expires_in_days) if body.expires_in_days else None
    return NewApiKeyResponse.of(await api_keys.create(principal.user_id, body.name, lifetime))


@router.get("/api-keys")
async def list_api_keys(
    principal: SignedIn, api_keys: ApiKeys, limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyResponse]:
    page = await api_keys.page(principal.user_id, cursor, limit)
    return Page.of([ApiKeyResponse.model_validate(key) for key in page], limit)


@router.delete("/api-keys/{key_id}", status_code=204)
async def revoke_api_key(key_id: UUID, principal: SignedIn, api_keys: ApiKeys) -> None:
    await api_keys.revoke(principal.user_id, key_id)


@admin_router.get("/users")
async def list_users(
    administration: Administration, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserResponse]:
    people = await administration.people(cursor, limit)
    return Page.of([UserResponse.of(person) for person in people], limit)


@admin_router.patch("/users/{user_id}")
async def change_rights(user_id: UUID, body: RightsRequest, administration: Administration) -> UserResponse:
    change = RightsChange(body.role, body.is_active, body.group_ids)
    return UserResponse.of(await administration.change_rights(user_id, change))


@admin_router.post("/groups", status_code=201)
async def create_group(body: GroupRequest, administration: Administration) -> GroupResponse:
    return GroupResponse.model_validate(await administration.create_group(body.name))


@admin_router.get("/groups")
async def list_groups(
    administration: Administration, limit: Limit = 50, cursor: Cursor = None
) -> Page[GroupResponse]:
    groups = await administration.groups(cursor, limit)
    return Page.of([GroupResponse.model_validate(group) for group in groups], limit)


@admin_router.patch("/groups/{group_id}")
async def rename_group(group_id: UUID, body: GroupRequest, administration: Administration) -> GroupResponse:
    return GroupResponse.model_validate(await administration.rename_group(group_id, body.name))


@admin_router.delete("/groups/{group_id}", status_code=204)
async def delete_group(group_id: UUID, administration: Administration) -> None:
    await administration.delete_group(group_id)
