"""The HTTP API of sessions and of the messages in them."""

from uuid import UUID

from fastapi import APIRouter

from src.domains.chat.dependencies import CurrentPrincipal, Sessions
from src.domains.chat.schemas.sessions import (
    CreateSessionRequest,
    FeedbackRequest,
    MessageResponse,
    RenameSessionRequest,
    SessionResponse,
)
from src.domains.chat.services.sessions import Feedback
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat")


@router.post("/sessions", status_code=201)
async def create_session(
    body: CreateSessionRequest, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    return SessionResponse.model_validate(await sessions.create(principal.user_id, body.title))


@router.get("/sessions")
async def list_sessions(
    principal: CurrentPrincipal, sessions: Sessions, limit: Limit = 50, cursor: Cursor = None
) -> Page[SessionResponse]:
    page = await sessions.page(principal.user_id, cursor, limit)
    return Page.of([SessionResponse.model_validate(session) for session in page], limit)


@router.get("/sessions/{session_id}")
async def get_session(session_id: UUID, principal: CurrentPrincipal, sessions: Sessions) -> SessionResponse:
    return SessionResponse.model_validate(await sessions.get(principal.user_id, session_id))


@router.patch("/sessions/{session_id}")
async def rename_session(
    session_id: UUID, body: RenameSessionRequest, principal: CurrentPrincipal, sessions: Sessions
) -> SessionResponse:
    return SessionResponse.model_validate(await sessions.rename(principal.user_id, session_id, body.title))


@router.delete("/sessions/{session_id}", status_code=204)
async def delete_session(session_id: UUID, principal: CurrentPrincipal, sessions: Sessions) -> None:
    await sessions.delete(principal.user_id, session_id)


@router.get("/sessions/{session_id}/messages")
async def list_messages(
    session_id: UUID,
    principal: CurrentPrincipal,
    sessions: Sessions,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MessageResponse]:
    page = await sessions.messages(principal.user_id, session_id, cursor, limit)
    return Page.of([MessageResponse.model_validate(message) for message in page], limit)


@router.put("/messages/{message_id}/feedback")
async def give_feedback(
    message_id: UUID, body: FeedbackRequest, principal: CurrentPrincipal, sessions: Sessions
) -> MessageResponse:
    feedback = Feedback(body.rating, body.reasons, body.comment)
    return MessageResponse.model_validate(
        await sessions.give_feedback(principal.user_id, message_id, feedback)
    )
