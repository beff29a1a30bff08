"""The HTTP API of sessions."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from src.domains.chat.dependencies import CurrentPrincipal, Exports, Sessions
from src.domains.chat.models import Channel
from src.domains.chat.repositories.sessions import SessionFilter
from src.domains.chat.schemas.sessions import (
    ChangeSessionRequest,
    CreateSessionRequest,
    SessionResponse,
    SwitchBranchRequest,
)
from src.domains.chat.services.exports import Format
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat", tags=["chat"])


@router.post("/sessions", status_code=201)
async def create_session(
    body: CreateSessionRequest, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    session = await sessions.create(principal, body.change, is_temporary=body.temporary)
    return SessionResponse.of(session)


@router.get("/sessions")
async def list_sessions(
    principal: CurrentPrincipal,
    sessions: Sessions,
    pinned: Annotated[bool | None, Query(description="Only pinned ones, or only others.")] = None,
    deleted: Annotated[bool, Query(description="Those in the trash instead.")] = False,
    channel: Annotated[Channel, Query(description="Those that programs opened at `/v1` instead.")] = "chat",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SessionResponse]:
    page = await sessions.page(principal.user_id, SessionFilter(pinned, deleted, channel), cursor, limit)
    return Page.of([SessionResponse.of(session) for session in page], limit)


@router.get("/sessions/{session_id}")
async def get_session(session_id: UUID, principal: CurrentPrincipal, sessions: Sessions) -> SessionResponse:
    return SessionResponse.of(await sessions.get(principal.user_id, session_id))


@router.patch("/sessions/{session_id}")
async def change_session(
    session_id: UUID, body: ChangeSessionRequest, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    return SessionResponse.of(await sessions.change(principal, session_id, body.change))


@router.delete("/sessions/{session_id}", status_code=204)
async def delete_session(session_id: UUID, principal: CurrentPrincipal, sessions: Sessions) -> None:
    await sessions.delete(principal.user_id, session_id)


@router.post("/sessions/{session_id}/restore")
async def restore_session(
    session_id: UUID, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    return SessionResponse.of(await sessions.restore(principal.user_id, session_id))


@router.put("/sessions/{session_id}/branch")
async def switch_branch(
    session_id: UUID, body: SwitchBranchRequest, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    session = await sessions.switch_branch(principal.user_id, session_id, body.message_id)
    return SessionResponse.of(session)


@router.get("/sessions/{session_id}/export", response_class=StreamingResponse)
async def export_session(
    session_id: UUID, principal: CurrentPrincipal, exports: Exports, format: Format = "markdown"
) -> StreamingResponse:
    export = await exports.export(principal, session_id, format)
    # RFC 6266: the name in UTF-8 for all of today's clients, and one in ASCII for the others.
    disposition = f"attachment; filename=\"chat\"; filename*=UTF-8''{quote(export.name, safe='')}"
    headers = {"Content-Disposition": disposition}
    return StreamingResponse(export.pieces, media_type=export.media_type, headers=headers)
