"""The HTTP API as OpenAI's clients expect it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, format_sse_event

from src.domains.chat.dependencies import CurrentPrincipal, Door, Key
from src.domains.chat.schemas.openai import CompletionRequest, ModelResponse, ModelsResponse
from src.domains.chat.schemas.openai_answers import Telling
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.turn import RequestKey
from src.domains.chat.services.turns import STOPPING, Stopping
from src.shared.exceptions import openai
from src.shared.exceptions.errors import PlatformError
from src.shared.middleware.authentication import Principal

router = APIRouter(tags=["openai"])


@router.get("/models")
async def list_models(principal: CurrentPrincipal, door: Door) -> ModelsResponse:
    return ModelsResponse(data=[ModelResponse.of(model) for model in await door.models(principal)])


@router.get("/models/{name:path}")
async def get_model(name: str, principal: CurrentPrincipal, door: Door) -> ModelResponse:
    return ModelResponse.of(await door.model(principal, name))


@router.post("/chat/completions", response_class=JSONResponse)
async def complete(
    request: Request, body: CompletionRequest, principal: CurrentPrincipal, door: Door, key: Key
) -> Response:
    model = await door.model(principal, body.model)
    generation = await door.complete(principal, model, body.completion(), key)
    telling = Telling(
        generation,
        body.model,
        cites=model.is_assistant,
        tells_usage=body.tells_usage,
        one_call=body.parallel_tool_calls is False,
    )
    async with _stopped_when_left(request, generation, key):
        # What fails before anything is said gets its status in a stream too: clients try such a request again.
        await (generation.begin(principal) if body.stream else generation.wait(principal))
    if generation.error:
        raise generation.error
    if not body.stream:
        return JSONResponse(telling.completion())
    events = _stream(request, telling, principal, key)
    return EventSourceResponse(events, headers={"Cache-Control": "no-cache"})


async def _stream(
    request: Request, telling: Telling, reader: Principal, key: RequestKey | None
) -> AsyncIterator[bytes]:
    generation = telling.generation
    async with _stopped_when_left(request, generation, key):
        yield _event(telling.first_chunk())
        async for event in generation.follow(reader):
            if event is None:
                yield format_sse_event(comment="heartbeat")
            elif event.name == "delta":
                yield _event(telling.text_chunk(event.data["text"]))
    error = reader.refusal() or generation.error
    if error or generation.status == "pending":
        yield _event(_error(error or Stopping(STOPPING)))
        if not key:
            generation.stop()
        return
    for chunk in telling.last_chunks():
        yield _event(chunk)
    yield format_sse_event(data_str="[DONE]")


def _stopped_when_left(
    request: Request, generation: Generation, key: RequestKey | None
) -> AbstractAsyncContextManager[None]:
    """Stop the answer when its reader goes away, for nobody can come back to it: only a key leads here again."""
    return nullcontext() if key else _stopped(request, generation)


@asynccontextmanager
async def _stopped(request: Request, generation: Generation) -> AsyncIterator[None]:
    def stop(leaving: asyncio.Task[None]) -> None:
        if not leaving.cancelled():
            generation.stop()

    leaving = asyncio.create_task(_left(request))
    leaving.add_done_callback(stop)
    try:
        yield
    except BaseException:  # the server has seen it first
        generation.stop()
        raise
    finally:
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _error(error: PlatformError) -> dict[str, Any]:
    return openai.body(error.status, error.code, error.detail, error.param)


def _event(data: Mapping[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False))
