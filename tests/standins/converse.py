"""Stands in for Bedrock's ConverseStream: real requests in, real frames of an event stream out.

    standin = ConverseStandIn()
    with serving(standin.door) as url:                              # BEDROCK__ENDPOINT_URL
        standin.answer(message(text("Hello ", "there.")))           # the next call
        standin.answer([*message(text("Hel", "lo"))[:2], CUT])      # the one after it: cut within the text
        standin.answer(message(tool_use("current_time", "{}"), stop="tool_use"))
        standin.refuse("ThrottlingException", "slow down", retry_after=7)
        standin.usual = lambda body: message(text("What else?"))    # all calls that nothing was put in for

An answer is a list of steps: frames (bytes), `Hold` (until it is released), `Pause` (seconds, to pace tokens),
`CUT` and `RESET` (the connection ends). Where the list ends the body ends, orderly: without `messageStop` in it,
that is the silent end. What was asked is in `calls`. By itself, for benchmarks:
`python -m tests.standins.converse PORT TOKENS SECONDS` says so many tokens at such a pace, however many ask.

The frames are as
https://smithy.io/2.0/aws/amazon-eventstream.html has them; botocore decodes such frames and encodes none.
"""

import asyncio
import json
import random
import socket
import string
import struct
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from zlib import crc32

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.standins.aws import Contract
from tests.standins.converse_rules import broken_rule
from tests.standins.serving import Door

SEOUL = "ap-northeast-2"

_contract = Contract("bedrock-runtime", SEOUL)


class Hold:
    """Holds an answer up. `reached` is set once one is held here; any thread may release it."""

    def __init__(self) -> None:
        self.reached = Event()
        self._released: Future[None] = Future()

    def release(self) -> None:
        self._released.set_result(None)

    async def wait(self) -> None:
        self.reached.set()
        await asyncio.shield(asyncio.wrap_future(self._released))


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class End:
    """The end of the connection: with what was written before it, or with a reset that may overtake it."""

    reset: bool = False


CUT = End()
RESET = End(reset=True)

Step = bytes | Hold | Pause | End
Answer = Sequence[Step]


@dataclass
class Call:
    """One request that was taken."""

    model: str
    body: dict[str, Any]
    client: tuple[str, int]
    """The address it came from: the same for calls on one connection."""
    left: Event = field(default_factory=Event)
    """Set when the client went away before the end."""
    done: Event = field(default_factory=Event)
    """Set when all was written."""


class ConverseStandIn:
    def __init__(self, region: str = SEOUL) -> None:
        self._contract = Contract("bedrock-runtime", region)
        self._answers: deque[Answer] = deque()
        self.calls: list[Call] = []
        self.usual: Callable[[dict[str, Any]], Answer] = lambda body: message(text("I am ", "a model."))
        route = Route("/model/{model:path}/converse-stream", self._converse, methods=["POST"])
        self.door = Door(Starlette(routes=[route]))

    def answer(self, *answers: Answer) -> None:
        """Answer the next calls so, each with one."""
        self._answers.extend(answers)

    def refuse(self, code: str, why: str = "", *, retry_after: int | None = None, times: int = 1) -> None:
        """Answer the next requests with an exception of the service's."""
        status = self._contract.shape(code).metadata["error"]["httpStatusCode"]
        headers = {"x-amzn-errortype": code}
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        self.door.fail(status, {"message": why}, headers, times)

    async def _converse(self, request: Request) -> Any:
        model, body = request.path_params["model"], json.loads(await request.body())
        refusal = self._contract.refusal(request, "ConverseStream", {"modelId": model, **body})
        if refusal:
            return refusal
        if fault := broken_rule(body):
            return self._contract.error("ValidationException", fault)
        call = Call(model, body, request.scope["client"])
        self.calls.append(call)
        return _Written(call, self._answers.popleft() if self._answers else self.usual(body))


class _Written(Response):
    """Writes an answer step by step, and sees when the client goes away."""

    def __init__(self, call: Call, answer: Answer) -> None:
        super().__init__(media_type="application/vnd.amazon.eventstream")
        del self.headers["content-length"]
        self._call = call
        self._answer = answer
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Uvicorn's own object: no message of ASGI ends a connection.
        self._transport: asyncio.Transport = receive.__self__.transport  # type: ignore[attr-defined]
        self._send = send
        writing = asyncio.create_task(self._write())
        leaving = asyncio.create_task(_disconnection(receive))
        await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            leaving.cancel()
            writing.result()
            self._call.done.set()
        else:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            self._call.left.set()

    async def _write(self) -> None:
        for step in self._answer:
            match step:
                case bytes():
                    await self._write_frame(step)
                case Hold():
                    await step.wait()
                case Pause():
                    await asyncio.sleep(step.seconds)
                case End():
                    self._end(step)
                    return
        await self._begin()
        await self._send({"type": "http.response.body", "body": b""})

    async def _write_frame(self, frame: bytes) -> None:
        await self._begin()
        await self._send({"type": "http.response.body", "body": frame, "more_body": True})

    async def _begin(self) -> None:
        """Send the head, which the service does not do before it has something to tell."""
        if not self._begun:
            self._begun = True
            await self._send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )

    def _end(self, how: End) -> None:
        if how.reset:
            at_once = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._transport.abort()
        else:
            self._transport.close()


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def message(
    *blocks: Sequence[Step], stop: str | None = "end_turn", usage: Mapping[str, int] | None = None
) -> list[Step]:
    """Return a whole answer of blocks; without `stop` it ends silently."""
    written = [each for block in blocks for each in block]
    begin = event("messageStart", role="assistant")
    if stop is None:
        return [begin, *written]
    return [begin, *written, event("messageStop", stopReason=stop), metadata(usage)]


def metadata(usage: Mapping[str, int] | None = None) -> bytes:
    usage = usage or {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15}
    return event("metadata", usage=dict(usage), metrics={"latencyMs": 321})


def text(*deltas: str, index: int = 0, pace: float = 0.0) -> list[Step]:
    """Return a block of text; it comes with so many seconds before each delta."""
    frames = [event("contentBlockDelta", contentBlockIndex=index, delta={"text": each}) for each in deltas]
    paced = [step for frame in frames for step in (Pause(pace), frame)] if pace else frames
    return [*paced, event("contentBlockStop", contentBlockIndex=index)]


def reasoning(*deltas: str, index: int = 0) -> list[Step]:
    return [
        *(
            event("contentBlockDelta", contentBlockIndex=index, delta={"reasoningContent": {"text": each}})
            for each in deltas
        ),
        event(
            "contentBlockDelta", contentBlockIndex=index, delta={"reasoningContent": {"signature": "Zm8="}}
        ),
        event("contentBlockStop", contentBlockIndex=index),
    ]


def tool_use(name: str, *parts: str, tool_use_id: str = "tooluse_1", index: int = 1) -> list[Step]:
    """Return a call of a tool whose input comes in parts."""
    start = {"toolUse": {"toolUseId": tool_use_id, "name": name}}
    return [
        event("contentBlockStart", contentBlockIndex=index, start=start),
        *(
            event("contentBlockDelta", contentBlockIndex=index, delta={"toolUse": {"input": each}})
            for each in parts
        ),
        event("contentBlockStop", contentBlockIndex=index),
    ]


def event(kind: str, **body: Any) -> bytes:
    """Return the frame of an event, which has to be of the service's form."""
    shape = _contract.shape("ConverseStreamOutput").members[kind]
    assert not (faults := _contract.faults(shape, body)), faults
    return frame({":event-type": kind, **_JSON, ":message-type": "event"}, _padded(body))


def exception(kind: str, why: str = "") -> bytes:
    """Return the frame of an exception within the stream (`throttlingException`)."""
    return frame({":exception-type": kind, **_JSON, ":message-type": "exception"}, {"message": why})


def error(code: str, why: str) -> bytes:
    """Return the frame of an error that the service has no form for."""
    return frame({":error-code": code, ":error-message": why, ":message-type": "error"}, b"")


def frame(headers: Mapping[str, str], payload: bytes | Mapping[str, Any]) -> bytes:
    """Encode a frame: lengths and their checksum, headers, payload, the checksum of all."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    head = b"".join(_header(name, value) for name, value in headers.items())
    lengths = struct.pack("!II", 12 + len(head) + len(body) + 4, len(head))
    written = lengths + struct.pack("!I", crc32(lengths)) + head + body
    return written + struct.pack("!I", crc32(written))


def corrupted(frame: bytes, at: int = -5) -> bytes:
    """Return a frame with one bit turned: by default the payload's last."""
    changed = bytearray(frame)
    changed[at] ^= 1
    return bytes(changed)


_JSON = {":content-type": "application/json"}
_STRING = 7


def _header(name: str, value: str) -> bytes:
    told = value.encode()
    return bytes([len(name)]) + name.encode() + bytes([_STRING]) + struct.pack("!H", len(told)) + told


def _padded(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with the padding that the service puts into it, so that lengths betray no tokens."""
    return {**body, "p": string.ascii_letters[: random.randrange(1, 52)]}


def _serve(port: int, tokens: int, seconds: float) -> None:
    standin = ConverseStandIn()
    answer = message(text(*(f"token{number} " for number in range(tokens)), pace=seconds))
    standin.usual = lambda body: answer
    uvicorn.run(standin.door, port=port, log_level="critical", lifespan="off")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
