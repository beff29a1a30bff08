"""A request id for every request, bound to its logs and events, and one line of access log."""

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from src.shared.events.base import correlation_id

log = structlog.get_logger("access")

SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
ID = re.compile(r"[0-9a-fA-F-]{36}")
LONGEST_WORD = 30
LOGGED_PREFIXES = ("/api/", "/v1/")


class RequestContextMiddleware:
    """Takes the caller's `X-Request-ID` if it is harmless, else makes one, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        request_id = sent if SAFE_ID.fullmatch(sent) else str(uuid7())
        scope.setdefault("state", {})["request_id"] = request_id
        correlation_id.set(request_id)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            # The path alone: a query may hold what people typed.
            if scope["path"].startswith(LOGGED_PREFIXES):
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log.info(
                    "request", method=scope["method"], path=_told_path(scope), status=status, ms=milliseconds
                )


def _told_path(scope: Scope) -> str:
    """Return the path without what is as long as a secret and no id: links to shared sessions open something."""
    segments = scope["path"].split("/")
    return "/".join(each if len(each) <= LONGEST_WORD or ID.fullmatch(each) else "..." for each in segments)
