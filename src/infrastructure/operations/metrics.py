"""`GET /metrics`: figures of this server process, and of the event log it shares, for Prometheus."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from src.infrastructure.operations.events import EventService, SubscriptionStatus
from src.shared.description import PUBLIC

router = APIRouter(tags=["operations"])


class EventCollector(Collector):
    """The event log's figures as they were when they were asked for."""

    def __init__(
        self,
        statuses: Sequence[SubscriptionStatus],
        head: int,
        delivered: Mapping[str, int],
        held_up_by: Sequence[str],
    ) -> None:
        self._statuses = statuses
        self._head = head
        self._delivered = delivered
        self._held_up_by = held_up_by

    def collect(self) -> Iterator[Metric]:
        head = GaugeMetricFamily("platform_event_log_position", "Position of the newest event.")
        head.add_metric([], self._head)
        yield head
        lag = GaugeMetricFamily(
            "platform_event_lag", "Positions a subscription has yet to look at.", labels=["subscription"]
        )
        parked = GaugeMetricFamily(
            "platform_events_parked", "Events set aside with their error.", labels=["subscription"]
        )
        attempts = GaugeMetricFamily(
            "platform_event_attempts", "Tries of a subscription's next event.", labels=["subscription"]
        )
        for status in self._statuses:
            lag.add_metric([status.name], status.lag)
            parked.add_metric([status.name], status.parked)
            attempts.add_metric([status.name], status.attempts)
        yield from (lag, parked, attempts)
        delivered = CounterMetricFamily(
            "platform_events_delivered", "Events this process has delivered.", labels=["subscription"]
        )
        for name, count in self._delivered.items():
            delivered.add_metric([name], count)
        yield delivered
        held_up = GaugeMetricFamily(
            "platform_event_trimming_held_up",
            "The log waits for this one to be trimmed.",
            labels=["subscription"],
        )
        for name in self._held_up_by:
            held_up.add_metric([name], 1)
        yield held_up


class SearchCollector(Collector):
    """How searches on this machine went."""

    def __init__(self, searches: Mapping[str, int]) -> None:
        self._searches = searches

    def collect(self) -> Iterator[Metric]:
        searches = CounterMetricFamily(
            "platform_searches", "Searches this process has made, by what they went by.", labels=["by"]
        )
        for by, count in self._searches.items():
            searches.add_metric([by], count)
        yield searches


class AnswerCollector(Collector):
    """How many answers this process writes or has waiting, and which models it leaves alone for a while."""

    def __init__(self, answers: int, resting: Mapping[str, bool]) -> None:
        self._answers = answers
        self._resting = resting

    def collect(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily("platform_answers_in_the_making", "Answers written or waiting here.")
        answers.add_metric([], self._answers)
        yield answers
        resting = GaugeMetricFamily(
            "platform_model_resting", "1 while a model that failed is not asked.", labels=["model"]
        )
        for model, is_resting in self._resting.items():
            resting.add_metric([model], is_resting)
        yield resting


class MetricsService:
    """Gathers what Prometheus scrapes."""

    def __init__(
        self,
        events: EventService,
        delivered: Callable[[], Mapping[str, int]],
        held_up_by: Callable[[], Sequence[str]],
        searches: Callable[[], Mapping[str, int]],
        answers: Callable[[], int],
        resting: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._events = events
        self._delivered = delivered
        self._held_up_by = held_up_by
        self._searches = searches
        self._answers = answers
        self._resting = resting

    async def exposition(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        collector = EventCollector(
            await self._events.status(), await self._events.head(), self._delivered(), self._held_up_by()
        )
        registry = CollectorRegistry()
        registry.register(collector)
        registry.register(SearchCollector(self._searches()))
        registry.register(AnswerCollector(self._answers(), self._resting()))
        return generate_latest(REGISTRY) + generate_latest(registry)


@router.get("/metrics", response_class=PlainTextResponse, openapi_extra=PUBLIC)
async def metrics(request: Request) -> Response:
    service: MetricsService = request.app.state.metrics
    return Response(await service.exposition(), media_type=CONTENT_TYPE_LATEST)
