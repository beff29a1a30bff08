"""The application: middleware, each domain's router, the error handlers, and the page."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import streamlit as st
from dependency_injector import providers
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from migrations import histories
from src.domains.analytics import routers as analytics
from src.domains.auth import routers as auth
from src.domains.chat import routers as chat
from src.domains.knowledge import routers as knowledge
from src.infrastructure.container import SERVICES, Container
from src.infrastructure.container.lifecycle import running
from src.infrastructure.logging import configure_logging
from src.infrastructure.operations import events, health, metrics
from src.infrastructure.operations.request_figures import RequestFiguresMiddleware
from src.infrastructure.page_policy import page_policy
from src.infrastructure.settings import Settings
from src.shared.description import OPENAI_ERRORS, PROBLEMS, describe
from src.shared.exceptions.handlers import install_error_handlers
from src.shared.middleware.authentication import AuthenticationMiddleware
from src.shared.middleware.body_limit import BodyLimitMiddleware
from src.shared.middleware.page_key import PageKeyMiddleware
from src.shared.middleware.rate_limits import AddressLimitMiddleware, PersonLimitMiddleware
from src.shared.middleware.request_context import RequestContextMiddleware
from src.shared.middleware.security_headers import API_POLICY, SecurityHeadersMiddleware

PAGE_SCRIPT = Path(__file__).parent.parent / "ui" / "main.py"
API_PREFIXES = ("/api/", "/v1/", "/health", "/metrics")
MULTIPART_OVERHEAD = 65_536


class PageBesideApi:
    """Serves the page on every path that is not the API's."""

    def __init__(self, page: ASGIApp, not_found: ASGIApp) -> None:
        self._page = page
        self._not_found = not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._not_found if scope["path"].startswith(API_PREFIXES) else self._page
        await app(scope, receive, send)


def create_app(settings: Settings | None = None, **ports: object) -> FastAPI:
    """Put the platform together; its lifespan starts and stops everything.

    `ports` replace adapters of the container by name: `create_app(model=MyModel())`.
    """
    settings = settings or Settings()
    configure_logging(settings.resolved_log_format)
    container = Container(settings=settings, pending_migrations=histories.pending)
    container.override_providers(**{name: providers.Object(port) for name, port in ports.items()})
    page = st.App(PAGE_SCRIPT) if settings.server.page else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running(container))
            if page:
                await stack.enter_async_context(page.lifespan()(app))
            yield

    app = FastAPI(
        title="GenAI Chatbot Platform",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        # FastAPI would look for OpenTelemetry in the environment at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for name in SERVICES:
        setattr(app.state, name, getattr(container, name)())
    # FastAPI tries every route in this order, and most requests are chat's.
    for router in (
        *chat.routers,
        *auth.routers,
        knowledge.router,
        *analytics.routers,
        events.router,
    ):
        app.include_router(router, prefix="/api/v1", responses=PROBLEMS)
    app.include_router(chat.openai_router, prefix="/v1", responses=OPENAI_ERRORS)
    for router in (health.router, metrics.router):
        app.include_router(router, responses=PROBLEMS)
    describe(app)
    install_error_handlers(app)
    app.add_middleware(
        BodyLimitMiddleware,
        max_bytes=settings.server.max_body_bytes,
        max_upload_bytes=settings.knowledge.max_upload_bytes + MULTIPART_OVERHEAD,
    )
    limiter, limits = container.rate_limiter(), container.rate_limits()
    app.add_middleware(PersonLimitMiddleware, limiter=limiter, limits=limits)
    app.add_middleware(AuthenticationMiddleware, authenticator=container.authenticator())
    app.add_middleware(AddressLimitMiddleware, limiter=limiter, limits=limits)
    if page:
        page_key = container.page_key()
        app.add_middleware(PageKeyMiddleware, page_key=page_key)
        os.environ |= {"API_URL": settings.api_url or settings.own_url, "PAGE_KEY": page_key}
    app.add_middleware(SecurityHeadersMiddleware, page_policy=page_policy() if page else API_POLICY)
    if settings.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.server.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "X-Request-ID",
            ],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"],
        )
    if tracer := container.tracer():
        from src.infrastructure.operations.tracing import TracingMiddleware

        app.add_middleware(TracingMiddleware, tracer=tracer)
    app.add_middleware(RequestFiguresMiddleware, figures=container.request_figures())
    app.add_middleware(RequestContextMiddleware)
    if page:
        app.router.default = PageBesideApi(page, app.router.not_found)
    return app
