"""Stands in for a server that speaks OpenAI's API for chat; it plays scripts, and paces as many streams as wanted.

In a process of its own, for measurements: `python -m tests.standins.chat_completions --port 8091`.
"""

import argparse
import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints

import uvicorn
from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolUnionParam
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDelta
from openai.types.chat.chat_completion_tool_choice_option_param import ChatCompletionToolChoiceOptionParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.standins.serving import Door

KNOWN = set(get_type_hints(CompletionCreateParamsStreaming))
MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
TOOLS = TypeAdapter(list[ChatCompletionToolUnionParam])
TOOL_CHOICE: TypeAdapter[Any] = TypeAdapter(ChatCompletionToolChoiceOptionParam)


def said(*pieces: str) -> tuple[dict[str, Any], ...]:
    """Return the deltas of a text."""
    return tuple({"content": piece} for piece in pieces)


def called(name: str, *arguments: str, id: str = "call_1", index: int = 0) -> tuple[dict[str, Any], ...]:
    """Return the deltas of a tool call whose arguments come in pieces."""
    first = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": index, "function": {"arguments": piece}} for piece in arguments]
    return tuple({"tool_calls": [each]} for each in (first, *rest))


@dataclass(frozen=True)
class Script:
    """What becomes of one request: the deltas of its stream, how it ends, and how fast it goes.

    `cut_after`, `error_after` and `hold_after` count chunks: the first tells the role, then there is one for each
    delta, one for the reason, one for the usage. Then the connection is cut, `error` is told, or the stream waits
    until `release()`, as often as it is to.
    """

    deltas: Sequence[Mapping[str, Any]] = said("Hello", " there", ".")
    finish_reason: str | None = "stop"
    usage: tuple[int, int] | None = (12, 3)
    """Tokens in and out; none for a server that does not know the option."""
    done: bool = True
    seconds_per_delta: float = 0.0
    cut_after: int | None = None
    error_after: int | None = None
    error: Mapping[str, Any] = field(default_factory=lambda: {"message": "overloaded", "code": 503})
    hold_after: Collection[int] = ()

    @cached_property
    def chunks(self) -> list[bytes]:
        """The events of the stream, `[DONE]` left out."""
        told = [_chunk(ChoiceDelta(role="assistant", content=""))]
        told += [_chunk(ChoiceDelta.model_validate(delta)) for delta in self.deltas]
        if self.finish_reason:
            told.append(_chunk(ChoiceDelta(), self.finish_reason))
        if self.usage:
            tokens_in, tokens_out = self.usage
            usage = CompletionUsage(
                prompt_tokens=tokens_in, completion_tokens=tokens_out, total_tokens=tokens_in + tokens_out
            )
            told.append(_event(ChatCompletionChunk(choices=[], usage=usage, **ENVELOPE)))
        return told


class ChatCompletionsStandIn:
    """Knows one model. Each request plays the next of `scripts`, and `usual` when there is none.

    `door` is what is served; it counts requests, and fails those that it is told to fail. `asked` are the bodies
    of requests, `callers` the connections that they came by. `held` is released once for each stream that begins
    to wait, `hung_up` for each that its reader left before its end.
    """

    def __init__(self, model: str = "smollm2", key: str = "none", usual: Script | None = None) -> None:
        self._model = model
        self._key = key
        self.usual = usual or Script()
        self.scripts: deque[Script] = deque()
        self.asked: list[dict[str, Any]] = []
        self.callers: set[Any] = set()
        self.refused_parameters: dict[str, dict[str, Any]] = {}
        """Parameters that this server does not take, each with the body of its refusal."""
        self.hung_up = threading.Semaphore(0)
        self.held = threading.Semaphore(0)
        self._holding: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.door = Door(
            Starlette(
                routes=[
                    Route("/v1/chat/completions", self._complete, methods=["POST"]),
                    Route("/v1/models", self._models),
                ]
            )
        )

    def release(self) -> None:
        """Let the streams that wait go on."""
        for loop, released in self._holding:
            loop.call_soon_threadsafe(released.set)

    async def _models(self, _request: Request) -> Response:
        model = Model(id=self._model, created=0, object="model", owned_by="standin")
        return JSONResponse({"object": "list", "data": [model.model_dump()]})

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.callers.add(request.client)
        if request.headers["authorization"] != f"Bearer {self._key}":
            return JSONResponse(refusal("Incorrect API key provided", "invalid_api_key"), 401)
        if faults := _faults(body):
            return JSONResponse(refusal(faults), 400)
        for name, words in self.refused_parameters.items():
            if name in body:
                return JSONResponse(words, 400)
        if body["model"] != self._model:
            return JSONResponse(refusal("The model does not exist", "model_not_found"), 404)
        return Playing(self, self.scripts.popleft() if self.scripts else self.usual)

    async def hold(self) -> None:
        released = asyncio.Event()
        self._holding.append((asyncio.get_running_loop(), released))
        self.held.release()
        await released.wait()


class Playing(Response):
    """One stream; its reader is watched, for a stand-in has to see that it is left."""

    def __init__(self, standin: ChatCompletionsStandIn, script: Script) -> None:
        super().__init__(media_type="text/event-stream")
        self._standin = standin
        self._script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        playing = asyncio.create_task(self._play(send))
        leaving = asyncio.create_task(_left(receive))
        await asyncio.wait([playing, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            self._standin.hung_up.release()
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await send({"type": "http.response.body"})

    async def _play(self, send: Send) -> None:
        script, start = self._script, time.monotonic()
        for number, chunk in enumerate(script.chunks):
            await self._meet_fate(number, send)
            if script.seconds_per_delta and 0 < number <= len(script.deltas):
                # By the clock, so that a late piece does not delay the ones behind it.
                await asyncio.sleep(start + number * script.seconds_per_delta - time.monotonic())
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._meet_fate(len(script.chunks), send)
        if script.done:
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})

    async def _meet_fate(self, number: int, send: Send) -> None:
        script = self._script
        if number in script.hold_after:
            await self._standin.hold()
        if number == script.error_after:
            told = json.dumps({"error": script.error}).encode()
            await send({"type": "http.response.body", "body": b"data: %b\n\n" % told, "more_body": True})
        if number == script.cut_after:
            raise ConnectionAbortedError  # uvicorn drops the connection then


def refusal(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Return the body of an error as OpenAI tells it."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def _faults(body: dict[str, Any]) -> str:
    """Return what OpenAI's server would not take: by the library's types, and by what they do not say."""
    if unknown := set(body) - KNOWN:
        return f"Unrecognized request arguments supplied: {unknown}"
    if not body.get("stream"):
        return "this server streams alone"
    if "tool_choice" in body and not body.get("tools"):
        return "'tool_choice' is only allowed when 'tools' are specified"
    try:
        MESSAGES.validate_python(body["messages"])
        TOOLS.validate_python(body.get("tools", []))
        TOOL_CHOICE.validate_python(body.get("tool_choice", "auto"))
    except ValidationError as fault:
        return str(fault)
    return _unanswered(body["messages"])


def _unanswered(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong in the order of tool calls and their results."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"these tool_call_ids did not have response messages: {open_calls}"
        open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
    return ""


ENVELOPE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "created": 1,
    "model": "smollm2",
    "object": "chat.completion.chunk",
}


def _chunk(delta: ChoiceDelta, finish_reason: str | None = None) -> bytes:
    choice = Choice.model_construct(index=0, delta=delta, finish_reason=finish_reason)
    return _event(ChatCompletionChunk.model_construct(choices=[choice], **ENVELOPE))


def _event(chunk: ChatCompletionChunk) -> bytes:
    return b"data: %b\n\n" % chunk.model_dump_json(exclude_unset=True, warnings=False).encode()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve paced streams on this machine.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--pieces", type=int, default=100, help="pieces of text in an answer")
    parser.add_argument("--piece", default="word ", help="the text of each")
    parser.add_argument("--seconds-per-piece", type=float, default=0.02)
    given = parser.parse_args()
    script = Script(
        said(*[given.piece] * given.pieces),
        usage=(100, given.pieces),
        seconds_per_delta=given.seconds_per_piece,
    )
    standin = ChatCompletionsStandIn(given.model, usual=script)
    uvicorn.run(standin.door, port=given.port, log_level="warning", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
