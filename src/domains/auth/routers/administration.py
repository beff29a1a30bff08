"""The HTTP API of people's rights and of groups."""

from uuid import UUID

from fastapi import APIRouter, Security

from src.domains.auth.dependencies import Administration, ApiKeys
from src.domains.auth.schemas.accounts import UserResponse
from src.domains.auth.schemas.administration import GroupRequest, GroupResponse, RightsRequest
from src.domains.auth.schemas.api_keys import ApiKeyResponse
from src.domains.auth.services.administration import RightsChange
from src.shared.middleware.authentication import current_admin
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Security(current_admin, scopes=["admin"])])


@router.get("/users")
async def list_users(
    administration: Administration, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserResponse]:
    people = await administration.people(cursor, limit)
    return Page.of([UserResponse.of(person) for person in people], limit)


@router.patch("/users/{user_id}")
async def change_rights(user_id: UUID, body: RightsRequest, administration: Administration) -> UserResponse:
    change = RightsChange(body.role, body.is_active, body.group_ids)
    return UserResponse.of(await administration.change_rights(user_id, change))


@router.get("/users/{user_id}/api-keys")
async def list_api_keys_of(
    user_id: UUID, api_keys: ApiKeys, limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyResponse]:
    page = await api_keys.page_of(user_id, cursor, limit)
    return Page.of([ApiKeyResponse.model_validate(key) for key in page], limit)


@router.delete("/users/{user_id}/api-keys/{key_id}", status_code=204)
async def revoke_api_key_of(user_id: UUID, key_id: UUID, api_keys: ApiKeys) -> None:
    await api_keys.revoke(user_id, key_id)


@router.post("/groups", status_code=201)
async def create_group(body: GroupRequest, administration: Administration) -> GroupResponse:
    return GroupResponse.model_validate(await administration.create_group(body.name))


@router.get("/groups")
async def list_groups(
    administration: Administration, limit: Limit = 50, cursor: Cursor = None
) -> Page[GroupResponse]:
    groups = await administration.groups(cursor, limit)
    return Page.of([GroupResponse.model_validate(group) for group in groups], limit)


@router.patch("/groups/{group_id}")
async def rename_group(group_id: UUID, body: GroupRequest, administration: Administration) -> GroupResponse:
    return GroupResponse.model_validate(await administration.rename_group(group_id, body.name))


@router.delete("/groups/{group_id}", status_code=204)
async def delete_group(group_id: UUID, administration: Administration) -> None:
    await administration.delete_group(group_id)


@router.get("/groups/{group_id}/members")
async def list_members(
    group_id: UUID, administration: Administration, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserResponse]:
    people = await administration.members(group_id, cursor, limit)
    return Page.of([UserResponse.of(person) for person in people], limit)


@router.put("/groups/{group_id}/members/{user_id}", status_code=204)
async def add_member(group_id: UUID, user_id: UUID, administration: Administration) -> None:
    await administration.add_member(group_id, user_id)


@router.delete("/groups/{group_id}/members/{user_id}", status_code=204)
async def remove_member(group_id: UUID, user_id: UUID, administration: Administration) -> None:
    await administration.remove_member(group_id, user_id)
