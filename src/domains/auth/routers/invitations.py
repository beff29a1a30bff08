"""The HTTP API of invitations."""

from uuid import UUID

from fastapi import APIRouter

from src.domains.auth.dependencies import Admin, Invitations
from src.domains.auth.schemas.accounts import UserResponse
from src.domains.auth.schemas.invitations import AcceptRequest, InvitationResponse, InviteRequest
from src.shared.description import PUBLIC
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth/invitations", tags=["auth"])


@router.post("", status_code=201)
async def invite(body: InviteRequest, admin: Admin, invitations: Invitations) -> InvitationResponse:
    invitation = await invitations.invite(admin.user_id, body.email, body.role, body.group_ids)
    return InvitationResponse.model_validate(invitation)


@router.get("")
async def list_invitations(
    _admin: Admin, invitations: Invitations, limit: Limit = 50, cursor: Cursor = None
) -> Page[InvitationResponse]:
    page = await invitations.page(cursor, limit)
    return Page.of([InvitationResponse.model_validate(each) for each in page], limit)


@router.post("/accept", status_code=201, openapi_extra=PUBLIC)
async def accept_invitation(body: AcceptRequest, invitations: Invitations) -> UserResponse:
    return UserResponse.of(await invitations.accept(body.token, body.name, body.password, body.language))


@router.post("/{invitation_id}/resend")
async def resend_invitation(
    invitation_id: UUID, admin: Admin, invitations: Invitations
) -> InvitationResponse:
    return InvitationResponse.model_validate(await invitations.renew(admin.user_id, invitation_id))


@router.delete("/{invitation_id}", status_code=204)
async def withdraw_invitation(invitation_id: UUID, admin: Admin, invitations: Invitations) -> None:
    await invitations.withdraw(admin.user_id, invitation_id)
