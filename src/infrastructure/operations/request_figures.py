"""Counts requests to the API, and how long each waited for the beginning of its answer."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.shared.middleware.request_context import LOGGED_PREFIXES

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestFigures:
    """Requests by method, route and status. An event stream counts when it begins, like any answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "platform_requests", "Requests to the API.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "platform_request_seconds",
            "From a request's arrival to the beginning of its answer.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=registry,
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        # Whatever a client can make up is folded: each value of a label is kept for good.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class RequestFiguresMiddleware:
    """Stands before everything that can refuse a request."""

    def __init__(self, app: ASGIApp, figures: RequestFigures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LOGGED_PREFIXES):
            await self._app(scope, receive, send)
            return
        began, has_begun = time.perf_counter(), False

        async def send_counted(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                self._figures.count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            if not has_begun:  # the outermost handler answers with 500, after this
                self._figures.count(scope, 500, time.perf_counter() - began)
            raise


def route_of(scope: Scope) -> str:
    """Return the route's path with the names of its parameters; nothing when it was refused before, or is none."""
    route = scope.get("route")
    if route is None:
        return ""
    prefix = "/v1" if scope["path"].startswith("/v1/") else "/api/v1"
    return f"{prefix}{route.path}"
