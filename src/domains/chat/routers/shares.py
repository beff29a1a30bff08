"""The HTTP API of shares."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from src.domains.chat.dependencies import CurrentPrincipal, Shares
from src.domains.chat.schemas.shares import SharedSessionResponse, ShareResponse
from src.shared.paging import Cursor, Limit

router = APIRouter(prefix="/chat", tags=["chat"])

Token = Annotated[str, Path(max_length=100, pattern=r"^[\w-]+$")]


@router.post("/sessions/{session_id}/share", status_code=201)
async def share_session(session_id: UUID, principal: CurrentPrincipal, shares: Shares) -> ShareResponse:
    return ShareResponse.model_validate(await shares.share(principal.user_id, session_id))


@router.get("/sessions/{session_id}/share")
async def get_share(session_id: UUID, principal: CurrentPrincipal, shares: Shares) -> ShareResponse:
    return ShareResponse.model_validate(await shares.get(principal.user_id, session_id))


@router.delete("/sessions/{session_id}/share", status_code=204)
async def revoke_share(session_id: UUID, principal: CurrentPrincipal, shares: Shares) -> None:
    await shares.revoke(principal.user_id, session_id)


@router.get("/shared/{token}")
async def read_share(
    token: Token, principal: CurrentPrincipal, shares: Shares, limit: Limit = 50, cursor: Cursor = None
) -> SharedSessionResponse:
    return SharedSessionResponse.of(await shares.read(principal, token, cursor, limit), limit)
