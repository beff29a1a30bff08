"""For whom the page asks: it tells their address, and shows by a key that it is this house's own page."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class PageKeyMiddleware:
    """Takes `X-Forwarded-For` from whoever shows the key in `X-Page-Key`.

    The page calls from the server's own address, where others may call from too, as a proxy on the same machine
    does; so the address alone is no reason to believe what is told.
    """

    def __init__(self, app: ASGIApp, page_key: str) -> None:
        self._app = app
        self._key = page_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            address, key = headers.get("x-forwarded-for"), headers.get("x-page-key")
            if address and key and hmac.compare_digest(key.encode(), self._key):
                scope["client"] = (address, 0)
        await self._app(scope, receive, send)
