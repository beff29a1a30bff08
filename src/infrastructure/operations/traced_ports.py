"""The bus and the models with a span around what they do; they take the others' place where traces are wanted."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, aclosing, nullcontext
from datetime import timedelta
from typing import Any

from opentelemetry.trace import SpanKind

from src.domains.chat.services.ports import ChatModel, ModelChunk, Prompt
from src.infrastructure.operations.tracing import Tracer, failed
from src.shared.events.base import DomainEvent, DomainRequest, utc_now
from src.shared.events.bus import EventBus, EventT, Kind, Replica, ReplyT

OLDEST = timedelta(hours=1)
"""Of which age events are delivered without a span: a replay would send a whole log of them."""


class TracedBus(EventBus):
    """Each delivery of an event is a span below the one that the event was recorded in, in whichever process."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def subscribe(
        self,
        event_type: type[EventT],
        handler: Callable[..., Any],
        *,
        name: str,
        kind: Kind,
        give_up: Callable[[EventT], Awaitable[None]] | None = None,
    ) -> None:
        def project(uow: Any, event: EventT) -> None:
            with delivery_span(self._tracer, name, event):
                handler(uow, event)

        async def react(event: EventT) -> None:
            with delivery_span(self._tracer, name, event):
                await handler(event)

        traced = project if kind == "projection" else react
        super().subscribe(event_type, traced, name=name, kind=kind, give_up=give_up)

    def replicate(
        self,
        event_types: Iterable[type[DomainEvent]],
        replica: Replica,
        *,
        name: str,
        every: float | None = None,
    ) -> None:
        traced = TracedReplica(self._tracer, name, replica)
        super().replicate(event_types, traced, name=name, every=every)

    async def request(self, request: DomainRequest[ReplyT], *, timeout: float) -> ReplyT:
        with self._tracer.span(request.name, SpanKind.INTERNAL, {}):
            return await super().request(request, timeout=timeout)


class TracedReplica:
    """Implements `Replica`: events that are taken in together have a span each, of the same length."""

    def __init__(self, tracer: Tracer, name: str, replica: Replica) -> None:
        self._tracer = tracer
        self._name = name
        self._replica = replica

    async def position(self) -> int | None:
        return await self._replica.position()

    async def rebuild(self, position: int) -> None:
        await self._replica.rebuild(position)

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        with ExitStack() as spans:
            for event in events:
                spans.enter_context(delivery_span(self._tracer, self._name, event))
            await self._replica.apply(events, position)


class TracedModel:
    """Implements `ChatModel`: a call is a span, with its tokens."""

    def __init__(self, tracer: Tracer, model: ChatModel) -> None:
        self._tracer = tracer
        self._model = model
        self.name = model.name

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        # Never the current span: a generator that is closed from elsewhere could not put the former one back.
        attributes = {"gen_ai.request.model": self.name}
        span = self._tracer.begin(f"chat {self.name}", SpanKind.CLIENT, attributes)
        try:
            async with aclosing(self._model.stream(prompt)) as chunks:
                async for chunk in chunks:
                    if chunk.usage:
                        span.set_attribute("gen_ai.usage.input_tokens", chunk.usage.tokens_in)
                        span.set_attribute("gen_ai.usage.output_tokens", chunk.usage.tokens_out)
                    yield chunk
        except Exception as error:
            failed(span, error)
            raise
        finally:
            span.end()

    async def close(self) -> None:
        await self._model.close()


def delivery_span(tracer: Tracer, name: str, event: DomainEvent) -> AbstractContextManager[Any]:
    """Return the span of a delivery; none for an event that was recorded without one, or long ago."""
    if event.trace_parent is None or utc_now() - event.occurred_at > OLDEST:
        return nullcontext()
    attributes = {
        "subscription": name,
        "event_id": str(event.event_id),
        "correlation_id": event.correlation_id,
    }
    return tracer.span(f"{name} {event.name}", SpanKind.CONSUMER, attributes, event.trace_parent)
