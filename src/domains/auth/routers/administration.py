"""The HTTP API of people's rights and of groups."""

from uuid import UUID

from fastapi import APIRouter, Depends

from src.domains.auth.dependencies import Administration
from src.domains.auth.schemas.accounts import UserResponse
from src.domains.auth.schemas.administration import GroupRequest, GroupResponse, RightsRequest
from src.domains.auth.services.administration import RightsChange
from src.shared.middleware.authentication import current_admin
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(current_admin)])


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
