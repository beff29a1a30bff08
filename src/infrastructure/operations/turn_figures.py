"""Counts turns, tokens and costs by the events that this process has committed: each event is one process's."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from src.shared.events.base import DomainEvent
from src.shared.events.chat import (
    ChatAnswerRequestedAgain,
    ChatMessageBlocked,
    ChatMessageReceived,
    ChatModelUsed,
    ChatResponseFailed,
    ChatResponseGenerated,
)

FIRST_TOKEN_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30)
TURN_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120)

OUTCOMES = {"stopped": "stopped", "content_filter": "blocked"}
"""What a turn's `finish_reason` makes of it; any other one completes it."""


class TurnFigures:
    """Turns by how they ended, how long they took, and what they cost.

    The way from labels to their counter is kept: to look it up takes longer than to count.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._questions = cache(
            Counter(
                "platform_questions", "Questions that were taken, by door.", ["channel"], registry=registry
            ).labels
        )
        self._turns = cache(
            Counter(
                "platform_turns", "Turns that have ended, and how.", ["outcome", "model"], registry=registry
            ).labels
        )
        self._first_token = cache(
            Histogram(
                "platform_first_token_seconds",
                "From a question's arrival to the first text of its answer.",
                ["model"],
                buckets=FIRST_TOKEN_BUCKETS,
                registry=registry,
            ).labels
        )
        self._seconds = cache(
            Histogram(
                "platform_turn_seconds",
                "From a question's arrival to the end of its answer.",
                ["model"],
                buckets=TURN_BUCKETS,
                registry=registry,
            ).labels
        )
        self._tokens = cache(
            Counter(
                "platform_tokens", "Tokens of models' calls.", ["model", "direction"], registry=registry
            ).labels
        )
        self._cost = cache(
            Counter("platform_cost_dollars", "What models' calls cost.", ["model"], registry=registry).labels
        )
        self._counters: dict[type[DomainEvent], Callable[[Any], None]] = {
            ChatMessageReceived: self._asked,
            ChatAnswerRequestedAgain: self._asked,
            ChatMessageBlocked: self._blocked,
            ChatResponseGenerated: self._generated,
            ChatResponseFailed: self._failed,
            ChatModelUsed: self._used,
        }

    def count(self, events: Iterable[DomainEvent]) -> None:
        for event in events:
            if counter := self._counters.get(type(event)):
                counter(event)

    def _asked(self, event: ChatMessageReceived | ChatAnswerRequestedAgain) -> None:
        self._questions(event.channel).inc()

    def _blocked(self, _event: ChatMessageBlocked) -> None:
        self._turns("blocked", "").inc()

    def _generated(self, event: ChatResponseGenerated) -> None:
        self._turns(OUTCOMES.get(event.finish_reason, "completed"), event.model).inc()
        self._first_token(event.model).observe(event.first_token_ms / 1000)
        self._seconds(event.model).observe(event.total_ms / 1000)
        self._used(event)

    def _failed(self, event: ChatResponseFailed) -> None:
        outcome = "interrupted" if event.code == "interrupted" else "failed"
        self._turns(outcome, event.model or "").inc()
        self._used(event)

    def _used(self, event: ChatResponseGenerated | ChatResponseFailed | ChatModelUsed) -> None:
        model = event.model or ""
        if event.tokens_in or event.tokens_out:
            self._tokens(model, "in").inc(event.tokens_in)
            self._tokens(model, "out").inc(event.tokens_out)
        if event.cost:
            self._cost(model).inc(event.cost)
