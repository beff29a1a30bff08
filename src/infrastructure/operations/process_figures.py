"""What one server process tells of itself to Prometheus."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from src.infrastructure.operations.events import EventService
from src.shared.exceptions.errors import PlatformError

DATABASE_SECONDS = 1.0
"""How long the database may take; a scrape must not wait as long as a request does."""


class RateLimiterFigures(Protocol):
    """What a rate limiter tells of itself."""

    refused: Mapping[str, int]
    is_down: bool


class ModelFigures(Protocol):
    """What a model's breaker tells of the model."""

    calls: int
    failures: int

    @property
    def is_open(self) -> bool: ...


@dataclass(frozen=True)
class Sources:
    """Where a process's figures come from, each as it is at the moment."""

    registry: CollectorRegistry
    delivered: Callable[[], Mapping[str, int]]
    held_up_by: Callable[[], Sequence[str]]
    searches: Callable[[], Mapping[str, int]]
    answers: Callable[[], int]
    queues: Callable[[], Mapping[str, int]]
    models: Mapping[str, ModelFigures]
    rate_limiter: RateLimiterFigures


class ProcessFigures:
    """Collects what this process alone can know: its counters, its queues, and how far its own replicas are."""

    def __init__(self, sources: Sources, events: EventService) -> None:
        self._sources = sources
        self._events = events

    async def collect(self) -> list[Metric]:
        sources = self._sources
        return [
            *REGISTRY.collect(),
            *sources.registry.collect(),
            *self._deliveries(),
            *self._answers(),
            *self._limits(),
            lag_family(await self._local_lags()),
        ]

    async def _local_lags(self) -> Mapping[str, int]:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                statuses = await self._events.status()
        except (PlatformError, TimeoutError):  # the database is away, which is told elsewhere
            return {}
        return {each.name: each.lag for each in statuses if each.kind == "local"}

    def _deliveries(self) -> Iterator[Metric]:
        delivered = CounterMetricFamily(
            "platform_events_delivered", "Events this process has delivered.", labels=["subscription"]
        )
        for name, count in self._sources.delivered().items():
            delivered.add_metric([name], count)
        yield delivered
        held_up = GaugeMetricFamily(
            "platform_event_trimming_held_up",
            "The log waits for this one to be trimmed.",
            labels=["subscription"],
        )
        for name in self._sources.held_up_by():
            held_up.add_metric([name], 1)
        yield held_up

    def _answers(self) -> Iterator[Metric]:
        searches = CounterMetricFamily(
            "platform_searches", "Searches this process has made, by what they went by.", labels=["by"]
        )
        for by, count in self._sources.searches().items():
            searches.add_metric([by], count)
        yield searches
        answers = GaugeMetricFamily("platform_answers_in_the_making", "Answers written or waiting here.")
        answers.add_metric([], self._sources.answers())
        yield answers
        yield queue_family(self._sources.queues())
        calls = CounterMetricFamily("platform_model_calls", "Calls of a model.", labels=["model"])
        errors = CounterMetricFamily("platform_model_errors", "Calls that failed.", labels=["model"])
        resting = GaugeMetricFamily(
            "platform_model_resting", "1 while a model that failed is not asked.", labels=["model"]
        )
        for name, model in self._sources.models.items():
            calls.add_metric([name], model.calls)
            errors.add_metric([name], model.failures)
            resting.add_metric([name], model.is_open)
        yield from (calls, errors, resting)

    def _limits(self) -> Iterator[Metric]:
        limiter = self._sources.rate_limiter
        refused = CounterMetricFamily(
            "platform_requests_refused", "Requests over a limit, by the limit's name.", labels=["limit"]
        )
        for name, count in limiter.refused.items():
            refused.add_metric([name], count)
        yield refused
        down = GaugeMetricFamily(
            "platform_rate_limit_store_down", "1 while each process counts requests by itself instead."
        )
        down.add_metric([], limiter.is_down)
        yield down


def lag_family(lags: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(
        "platform_event_lag", "Positions a subscription has yet to look at.", labels=["subscription"]
    )
    for name, lag in lags.items():
        family.add_metric([name], lag)
    return family


def queue_family(depths: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily("platform_queue_depth", "What waits, by the queue.", labels=["queue"])
    for name, depth in depths.items():
        family.add_metric([name], depth)
    return family
