"""`GET /metrics`: figures of this server's processes, and of the event log they share, for Prometheus."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from src.infrastructure.operations.events import EventService, SubscriptionStatus
from src.infrastructure.operations.process_figures import DATABASE_SECONDS, lag_family, queue_family
from src.infrastructure.operations.workers import Workers
from src.shared.description import PUBLIC
from src.shared.exceptions.errors import PlatformError

router = APIRouter(tags=["operations"])


class _Told(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class MetricsService:
    """Gathers what Prometheus scrapes: of each process, and once what the database knows for all of them."""

    def __init__(
        self, workers: Workers, events: EventService, files_waiting: Callable[[], Awaitable[int]]
    ) -> None:
        self._workers = workers
        self._events = events
        self._files_waiting = files_waiting

    async def exposition(self) -> bytes:
        """Return all figures in Prometheus' text format; while the database is away, those of the processes."""
        metrics = await asyncio.gather(self._workers.figures(), self._shared())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(_merged(chain(*metrics))))
        return generate_latest(registry)

    async def _shared(self) -> list[Metric]:
        up = GaugeMetricFamily("platform_database_up", "1 when the database answered.")
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                statuses, head = await self._events.status(), await self._events.head()
                files = await self._files_waiting()
        except (PlatformError, TimeoutError):
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *_of_the_log(statuses, head), queue_family({"files": files})]


def _of_the_log(statuses: Iterable[SubscriptionStatus], head: int) -> Iterator[Metric]:
    position = GaugeMetricFamily("platform_event_log_position", "Position of the newest event.")
    position.add_metric([], head)
    parked = GaugeMetricFamily(
        "platform_events_parked", "Events set aside with their error.", labels=["subscription"]
    )
    attempts = GaugeMetricFamily(
        "platform_event_attempts", "Tries of a subscription's next event.", labels=["subscription"]
    )
    shared = [status for status in statuses if status.kind != "local"]
    for status in shared:
        parked.add_metric([status.name], status.parked)
        attempts.add_metric([status.name], status.attempts)
    yield from (position, parked, attempts, lag_family({each.name: each.lag for each in shared}))


def _merged(metrics: Iterable[Metric]) -> Iterable[Metric]:
    """Put the samples of a name together: Prometheus wants each name once."""
    by_name: dict[str, Metric] = {}
    for metric in metrics:
        by_name.setdefault(
            metric.name, Metric(metric.name, metric.documentation, metric.type)
        ).samples.extend(metric.samples)
    return by_name.values()


@router.get("/metrics", response_class=PlainTextResponse, openapi_extra=PUBLIC)
async def metrics(request: Request) -> Response:
    service: MetricsService = request.app.state.metrics
    return Response(await service.exposition(), media_type=CONTENT_TYPE_LATEST)
