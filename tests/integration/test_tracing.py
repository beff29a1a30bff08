"""One trace runs from a request through the bus into every subscriber; without a collector nothing is traced."""

import json
import subprocess
import sys
from pathlib import Path

from src.infrastructure.settings import Settings
from tests.builders import platform_on
from tests.databases import query
from tests.standins.otlp_collector import Collector, Told, collecting

ROOT = Path(__file__).parents[2]
CALLER = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{CALLER}-b7ad6b7169203331-01"


async def traced_question(settings: Settings, collector: Collector) -> str:
    """Ask one question within a caller's trace; all is sent when the platform has stopped."""
    traced = settings.model_copy(update={"otel_exporter_otlp_endpoint": collector.url})
    async with platform_on(traced) as platform:
        person = await platform.sign_up()
        headers = {"traceparent": TRACEPARENT, "X-Request-ID": "the-request"}
        await person.post("/chat", {"message": "canary question?"}, headers=headers)
        await person.call("GET", "/chat/search?q=canary+typed")
        for subscription in platform.app.state.subscriptions.positions():
            await platform.delivered(subscription)
        return person.email


def named(spans: list[Told], name: str) -> Told:
    [found] = [span for span in spans if span.name == name]
    return found


async def test_one_trace_runs_from_the_request_through_the_bus_into_every_subscriber(
    settings: Settings,
) -> None:
    with collecting() as collector:
        email = await traced_question(settings, collector)
    trace = [span for span in collector.spans if span.trace_id == CALLER]
    request = named(trace, "POST /api/v1/chat")
    assert (request.kind, request.parent_id, request.is_error) == ("server", "b7ad6b7169203331", False)
    assert request.attributes["http.response.status_code"] == 200
    assert request.service == "genai-chatbot-platform"
    for name in ("knowledge.passages_requested", "chat embedded"):
        assert named(trace, name).parent_id == request.span_id
    for event in ("chat.message_received", "chat.response_generated"):
        delivery = named(trace, f"analytics.turns {event}")
        assert (delivery.kind, delivery.parent_id) == ("consumer", request.span_id)
        assert delivery.attributes["correlation_id"] == "the-request"
    by_others = {span.name for span in collector.spans if span.trace_id != CALLER}
    assert by_others >= {
        "POST /api/v1/auth/register",
        "auth.directory auth.user_registered",  # a local replica
        "auth.audit auth.user_registered",  # a projection
    }
    sent = b"".join(collector.bodies)
    for personal in ("canary", email, "correct horse"):
        assert personal.encode() not in sent


async def test_a_subscriber_that_fails_is_seen_in_the_trace_of_the_request(settings: Settings) -> None:
    class BrokenProjection:
        def __getattr__(self, _name: str) -> object:
            def fail(*_arguments: object) -> None:
                raise RuntimeError("canary")

            return fail

    with collecting() as collector:
        traced = settings.model_copy(update={"otel_exporter_otlp_endpoint": collector.url})
        events = settings.events.model_copy(update={"max_attempts": 1})
        async with platform_on(
            traced.model_copy(update={"events": events}), turn_projection=BrokenProjection()
        ) as platform:
            person = await platform.sign_up()
            await person.post("/chat", {"message": "?"}, headers={"traceparent": TRACEPARENT})
            await platform.delivered("analytics.turns")
    failed = {span.name: span.attributes["error.type"] for span in collector.spans if span.is_error}
    assert failed == {
        "analytics.turns chat.message_received": "RuntimeError",
        "analytics.turns chat.response_generated": "RuntimeError",
    }
    assert b"canary" not in b"".join(collector.bodies)


async def test_without_a_collector_no_event_carries_anything_of_a_trace(settings: Settings) -> None:
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        await person.post("/chat", {"message": "?"}, headers={"traceparent": TRACEPARENT})
    payloads = [json.loads(str(row[0])) for row in query(settings, "SELECT payload FROM event_log")]
    assert payloads
    assert not any("trace_parent" in payload for payload in payloads)


def test_without_a_collector_the_tracing_library_is_not_even_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from src.app import create_app; create_app(); "
        "sys.exit('opentelemetry.sdk.trace' in sys.modules)"
    )
    environment = {"DATA_DIR": str(tmp_path), "SERVER__PAGE": "false", "KNOWLEDGE__EMBEDDINGS": "none"}
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode
        == 0
    )
