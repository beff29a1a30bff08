"""Headers that keep browsers from being tricked."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
API_PREFIXES = ("/api/", "/v1/")
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""What answers is data: a browser that is led to take it for a page runs and loads nothing."""
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"


class SecurityHeadersMiddleware:
    """Adds the headers to every response, API and page alike; API responses are never cached.

    `page_policy` is the Content-Security-Policy of all that is not the API. A browser that came by TLS is told to
    come by nothing else for a year.
    """

    def __init__(self, app: ASGIApp, page_policy: str = API_POLICY) -> None:
        self._app = app
        self._of_api = HEADERS | {"Content-Security-Policy": API_POLICY, "Cache-Control": "no-store"}
        self._of_page = HEADERS | {"Content-Security-Policy": page_policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = self._of_api if scope["path"].startswith(API_PREFIXES) else self._of_page

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
            await send(message)

        await self._app(scope, receive, send_with_headers)
