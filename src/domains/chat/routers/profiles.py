"""The HTTP API of profiles and models."""

from uuid import UUID

from fastapi import APIRouter

from src.domains.chat.dependencies import CurrentAdmin, CurrentPrincipal, ModelOffers, Profiles
from src.domains.chat.schemas.profiles import (
    ChangeProfileRequest,
    CreateProfileRequest,
    ModelResponse,
    ModelsResponse,
    ProfileResponse,
)
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat", tags=["chat"])


@router.post("/profiles", status_code=201)
async def create_profile(
    body: CreateProfileRequest, admin: CurrentAdmin, profiles: Profiles
) -> ProfileResponse:
    return ProfileResponse.of(await profiles.create(admin, body.change), admin)


@router.get("/profiles")
async def list_profiles(
    principal: CurrentPrincipal, profiles: Profiles, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProfileResponse]:
    page = await profiles.page(principal, cursor, limit)
    return Page.of([ProfileResponse.of(profile, principal) for profile in page], limit)


@router.get("/profiles/{profile_id}")
async def get_profile(profile_id: UUID, principal: CurrentPrincipal, profiles: Profiles) -> ProfileResponse:
    return ProfileResponse.of(await profiles.get(principal, profile_id), principal)


@router.patch("/profiles/{profile_id}")
async def change_profile(
    profile_id: UUID, body: ChangeProfileRequest, admin: CurrentAdmin, profiles: Profiles
) -> ProfileResponse:
    return ProfileResponse.of(await profiles.change(admin, profile_id, body.change), admin)


@router.delete("/profiles/{profile_id}", status_code=204)
async def delete_profile(profile_id: UUID, admin: CurrentAdmin, profiles: Profiles) -> None:
    await profiles.delete(admin, profile_id)


@router.get("/models")
async def list_models(_principal: CurrentPrincipal, offers: ModelOffers) -> ModelsResponse:
    return ModelsResponse(items=[ModelResponse.of(offer, offers.default) for offer in offers])
