"""Request and response models of people's rights and of groups."""

from uuid import UUID

from pydantic import Field

from src.domains.auth.models import Role
from src.shared.schemas import ItemModel, Name, RequestModel


class RightsRequest(RequestModel):
    role: Role | None = None
    is_active: bool | None = None
    group_ids: list[UUID] | None = Field(None, max_length=200)


class GroupRequest(RequestModel):
    name: Name


class GroupResponse(ItemModel):
    name: str
