"""The HTTP API of chat."""

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from src.domains.chat.dependencies import Sessions, Turns
from src.domains.chat.schemas import (
    ChatRequest,
    ChatResponse,
    CreateSessionRequest,
    FeedbackRequest,
    MessageResponse,
    RenameSessionRequest,
    SendMessageRequest,
    SessionResponse,
)
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.sessions import Feedback
from src.shared.middleware.authentication import Principal, current_principal
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat", tags=["chat"])

CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


@router.post("")
async def chat(body: ChatRequest, principal: CurrentPrincipal, turns: Turns) -> ChatResponse:
    return await _complete(await turns.ask(principal, body.message, body.session_id))


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


@router.post("/sessions/{session_id}/messages", response_model=ChatResponse)
async def send_message(
    session_id: UUID, body: SendMessageRequest, principal: CurrentPrincipal, turns: Turns
) -> ChatResponse | EventSourceResponse:
    generation = await turns.ask(principal, body.content, session_id)
    return _stream(generation) if body.stream else await _complete(generation)


@router.get("/messages/{message_id}/stream")
async def resume_stream(
    message_id: UUID,
    principal: CurrentPrincipal,
    turns: Turns,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> Response:
    generation = await turns.running(principal, message_id)
    return _stream(generation, last_event_id) if generation else Response(status_code=204)


@router.put("/messages/{message_id}/feedback")
async def give_feedback(
    message_id: UUID, body: FeedbackRequest, principal: CurrentPrincipal, sessions: Sessions
) -> MessageResponse:
    feedback = Feedback(body.rating, body.reasons, body.comment)
    return MessageResponse.model_validate(
        await sessions.give_feedback(principal.user_id, message_id, feedback)
    )


async def _complete(generation: Generation) -> ChatResponse:
    await generation.wait()
    if generation.error:
        raise generation.error
    return ChatResponse.of(generation)


def _stream(generation: Generation, offset: int = 0) -> EventSourceResponse:
    return EventSourceResponse(_wire_format(generation, offset), headers={"Cache-Control": "no-cache"})


async def _wire_format(generation: Generation, offset: int) -> AsyncIterator[bytes]:
    async for event in generation.follow(offset):
        if event is None:
            yield format_sse_event(comment="heartbeat")
        else:
            data = json.dumps(event.data, ensure_ascii=False)
            yield format_sse_event(event=event.name, data_str=data, id=str(event.offset))
