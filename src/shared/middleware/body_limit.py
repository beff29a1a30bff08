"""A bound on every request's body."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.shared.exceptions.errors import TooLarge
from src.shared.exceptions.handlers import problem_response


class BodyLimitMiddleware:
    """Refuses a body over the bound: at once when its length is told, else when it has grown too long.

    A signed-in person's multipart body is an upload and has a bound of its own. Bounds are in bytes.
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
        multipart = Headers(scope=scope).get("content-type", "").startswith("multipart/form-data")
        signed_in = "principal" in scope.get("state", {})
        return self._max_upload_bytes if multipart and signed_in else self._max_bytes
