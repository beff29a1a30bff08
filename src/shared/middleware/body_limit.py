"""A bound on every request's body."""

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.shared.exceptions.errors import TooLarge
from src.shared.exceptions.handlers import problem_response

API_UPLOAD = re.compile(r"/api/v1/knowledge/(collections|sessions)/[^/]+/documents")
PAGE_UPLOAD = re.compile(r"/_stcore/upload_file/")


class BodyLimitMiddleware:
    """Refuses a body over the bound: at once when its length is told, else when it has grown too long.

    Uploads have a bound of their own: through the API for whoever is signed in, and into the page, which
    knows its visitors by itself. Bounds are in bytes.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_upload_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope)
        detail = f"The request is larger than {limit:,} bytes. Send less at once."
        told = Headers(scope=scope).get("content-length", "")
        if told.isdigit() and int(told) > limit:
            await problem_response(Request(scope), TooLarge(detail))(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                # The one kind of error that FastAPI lets through while it reads a body.
                raise HTTPException(TooLarge.status, detail)
            return message

        await self._app(scope, receive_within_limit, send)

    def _limit(self, scope: Scope) -> int:
        signed_in = "principal" in scope.get("state", {})
        is_upload = (signed_in and API_UPLOAD.fullmatch(scope["path"])) or PAGE_UPLOAD.match(scope["path"])
        return self._max_upload_bytes if is_upload else self._max_bytes
