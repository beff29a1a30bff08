"""The HTTP API of questions and their answers."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from src.domains.chat.dependencies import CurrentPrincipal, Key, Turns
from src.domains.chat.schemas.turns import ChatRequest, ChatResponse, RegenerateRequest, SendMessageRequest
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.turn import Ask
from src.shared.middleware.authentication import Principal

router = APIRouter(prefix="/chat", tags=["chat"])

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer: whole, or with `stream: true` as events.",
        "content": {"text/event-stream": {}},
    }
}
COME_BACK_MILLISECONDS = 1_000
"""When a reader whose stream broke off is to come back."""


@router.post("")
async def chat(body: ChatRequest, principal: CurrentPrincipal, turns: Turns, key: Key) -> ChatResponse:
    ask = Ask(principal, body.message, body.session_id, model=body.model, profile_id=body.profile_id, key=key)
    return await _complete(await turns.ask(ask), principal)


@router.post("/sessions/{session_id}/messages", response_model=ChatResponse, responses=STREAMED)
async def send_message(
    session_id: UUID, body: SendMessageRequest, principal: CurrentPrincipal, turns: Turns, key: Key
) -> ChatResponse | EventSourceResponse:
    generation = await turns.ask(Ask(principal, body.content, session_id, key=key))
    return await _answer(generation, principal, as_stream=body.stream)


@router.post("/messages/{message_id}/edit", response_model=ChatResponse, responses=STREAMED)
async def edit_message(
    message_id: UUID, body: SendMessageRequest, principal: CurrentPrincipal, turns: Turns, key: Key
) -> ChatResponse | EventSourceResponse:
    generation = await turns.ask(Ask(principal, body.content, edits=message_id, key=key))
    return await _answer(generation, principal, as_stream=body.stream)


@router.post("/messages/{message_id}/regenerate", response_model=ChatResponse, responses=STREAMED)
async def regenerate(
    message_id: UUID, body: RegenerateRequest, principal: CurrentPrincipal, turns: Turns, key: Key
) -> ChatResponse | EventSourceResponse:
    generation = await turns.ask(Ask(principal, answers_again=message_id, model=body.model, key=key))
    return await _answer(generation, principal, as_stream=body.stream)


@router.get(
    "/messages/{message_id}/stream",
    response_class=Response,
    responses={
        200: {"description": "What comes after `Last-Event-ID`.", "content": {"text/event-stream": {}}},
        204: {"description": "There is nothing to come back to."},
    },
)
async def resume_stream(
    message_id: UUID,
    principal: CurrentPrincipal,
    turns: Turns,
    last_event_id: Annotated[int | None, Header(ge=0, le=100_000_000)] = None,
) -> Response:
    generation = await turns.find(principal, message_id)
    if generation.status != "pending" and last_event_id is None:
        return Response(status_code=204)
    return _stream(generation, principal, last_event_id or 0)


@router.post("/messages/{message_id}/stop")
async def stop(message_id: UUID, principal: CurrentPrincipal, turns: Turns) -> ChatResponse:
    return ChatResponse.of(await turns.stop_answer(principal, message_id))


async def _answer(
    generation: Generation, reader: Principal, *, as_stream: bool
) -> ChatResponse | EventSourceResponse:
    return _stream(generation, reader) if as_stream else await _complete(generation, reader)


async def _complete(generation: Generation, reader: Principal) -> ChatResponse:
    await generation.wait(reader)
    if generation.error:
        raise generation.error
    return ChatResponse.of(generation)


def _stream(generation: Generation, reader: Principal, offset: int = 0) -> EventSourceResponse:
    events = _wire_format(generation, reader, offset)
    return EventSourceResponse(events, headers={"Cache-Control": "no-cache"})


async def _wire_format(generation: Generation, reader: Principal, offset: int) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=COME_BACK_MILLISECONDS)
    async for event in generation.follow(reader, offset):
        if event is None:
            yield format_sse_event(comment="heartbeat")
        else:
            data = json.dumps(event.data, ensure_ascii=False)
            yield format_sse_event(event=event.name, data_str=data, id=str(event.offset))
