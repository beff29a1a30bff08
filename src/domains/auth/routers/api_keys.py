"""The HTTP API of API keys."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from src.domains.auth.dependencies import ApiKeys, SignedIn
from src.domains.auth.schemas.api_keys import ApiKeyResponse, CreateApiKeyRequest, NewApiKeyResponse
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/api-keys", status_code=201)
async def create_api_key(
    body: CreateApiKeyRequest, principal: SignedIn, api_keys: ApiKeys
) -> NewApiKeyResponse:
    lifetime = timedelta(days=body.expires_in_days) if body.expires_in_days else None
    new = await api_keys.create(principal.user_id, body.name, body.scopes, lifetime)
    return NewApiKeyResponse.of(new)


@router.get("/api-keys")
async def list_api_keys(
    principal: SignedIn, api_keys: ApiKeys, limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyResponse]:
    page = await api_keys.page(principal.user_id, cursor, limit)
    return Page.of([ApiKeyResponse.model_validate(key) for key in page], limit)


@router.delete("/api-keys/{key_id}", status_code=204)
async def revoke_api_key(key_id: UUID, principal: SignedIn, api_keys: ApiKeys) -> None:
    await api_keys.revoke(principal.user_id, key_id)
