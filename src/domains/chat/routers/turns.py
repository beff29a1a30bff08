"""The HTTP API of questions and their answers."""

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from src.domains.chat.dependencies import CurrentPrincipal, Turns
from src.domains.chat.schemas.turns import ChatRequest, ChatResponse, SendMessageRequest
from src.domains.chat.services.generations import Generation

router = APIRouter(prefix="/chat")


@router.post("")
async def chat(body: ChatRequest, principal: CurrentPrincipal, turns: Turns) -> ChatResponse:
    return await _complete(await turns.ask(principal, body.message, body.session_id))


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
