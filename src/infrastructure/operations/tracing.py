"""Traces by OpenTelemetry, sent by OTLP over HTTP. Imported only where the settings name a collector.

A span tells names, ids and times: no text of people, no query of a request, no message of an error.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.infrastructure.operations.request_figures import route_of
from src.shared.events.base import trace_parent
from src.shared.middleware.request_context import LOGGED_PREFIXES

SERVICE = "genai-chatbot-platform"
"""What the platform calls itself, unless `OTEL_SERVICE_NAME` has another name."""
EXPORT_SECONDS = 5.0
LAST_SECONDS = 3.0
"""How long a stop waits for the last spans to be sent."""

_W3C = TraceContextTextMapPropagator()


class Tracer:
    """Makes spans, and sends them in the background; what a collector does not take is dropped.

    `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` and their like are heeded by the library itself.
    """

    def __init__(self, endpoint: str) -> None:
        resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    def begin(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str], parent: str | None = None
    ) -> Span:
        """Begin a span below `parent` (W3C's traceparent), else below the one that is current here."""
        context = _W3C.extract({"traceparent": parent}) if parent else None
        return self._tracer.start_span(name, context, kind, attributes)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str], parent: str | None = None
    ) -> Iterator[Span]:
        """Do something within a span: events that are recorded meanwhile have it as their parent."""
        span, carrier = self.begin(name, kind, attributes, parent), dict[str, str]()
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            _W3C.inject(carrier)
            token = trace_parent.set(carrier.get("traceparent"))
            try:
                yield span
            except BaseException as error:
                failed(span, error)
                raise
            finally:
                trace_parent.reset(token)

    async def stop(self) -> None:
        """Send what is left; a collector that does not answer is not waited for."""
        last = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, LAST_SECONDS)


class TracingMiddleware:
    """Begins a trace for each request to the API, or goes on with the caller's (`traceparent`)."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LOGGED_PREFIXES):
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent")
        method, request_id = scope["method"], scope["state"]["request_id"]
        attributes = {"http.request.method": method, "correlation_id": request_id}
        with self._tracer.span(method, SpanKind.SERVER, attributes, parent) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _tell_answer(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, send_traced)


def failed(span: Span, error: BaseException) -> None:
    """Say which kind of error ended it; the message may hold what people wrote."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)


def _tell_answer(span: Span, scope: Scope, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if route := route_of(scope):
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
