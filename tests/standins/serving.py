"""Serves a stand-in on this machine, and lets its next answers be faults."""

import json
import re
import socket
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class Fault:
    """An answer that is not what was asked for; without a status there is none at all."""

    status: int | None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Door:
    """Stands before a stand-in: counts requests, and answers with the faults that were put into it first.

    `hanging` is released when a caller begins to wait for an answer that never comes, `left` when they gave up.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._faults: deque[Fault | None] = deque()
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.hanging = threading.Semaphore(0)
        self.left = threading.Semaphore(0)

    def fail(
        self, status: int, body: Any = "", headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """Answer the next requests so."""
        text = body if isinstance(body, str) else json.dumps(body)
        told = {"content-type": "application/json", **(headers or {})}
        self._faults.extend([Fault(status, text, told)] * times)

    def pass_on(self, times: int = 1) -> None:
        """Let the next requests through to the stand-in, before further faults."""
        self._faults.extend([None] * times)

    def hang(self) -> None:
        """Never answer the next request."""
        self._faults.append(Fault(None))

    def recover(self) -> None:
        """Forget the faults that were put in."""
        self._faults.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        self.paths.append(scope["path"])
        self.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
        fault = self._faults.popleft() if self._faults else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.status is None:
            self.hanging.release()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.release()
        else:
            await Response(fault.body, fault.status, fault.headers)(scope, receive, send)


@contextmanager
def serving(
    door: ASGIApp, port: int = 0, lifespan: Literal["on", "off"] = "off", certificate: Path | None = None
) -> Iterator[str]:
    """Serve from a thread; yield the address. With a certificate and its key TLS is spoken."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        config = uvicorn.Config(
            door,
            log_level="critical",
            lifespan=lifespan,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def meaning(text: str, dimensions: int) -> NDArray[np.float64]:
    """Return a vector that is nearer to another the more words the texts share; its length is not 1."""
    words = re.findall(r"\w+", text.lower()) or [text]
    seeds = [zlib.crc32(word.encode()) for word in words]
    rows = [np.random.default_rng(seed).standard_normal(dimensions) for seed in seeds]
    return np.asarray(np.sum(rows, axis=0), dtype=np.float64)
