"""The bus: who listens to which event, who answers which request, and the wake-up after a commit.

Events are delivered from the event log (see `src/infrastructure/database/subscriptions.py`), not from here:
publishing only wakes the subscriptions, so a listener can fail or be slow without the publisher noticing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from blinker import Signal

from src.shared.events.base import DomainEvent, DomainRequest

EventT = TypeVar("EventT", bound=DomainEvent)
ReplyT = TypeVar("ReplyT", bound=DomainEvent)

Kind = Literal["projection", "reaction", "local"]


class Replica(Protocol):
    """What a process or a machine keeps for itself, made from events: a search index, a directory of rights."""

    async def position(self) -> int | None:
        """Return the log position it has taken in, or None when it must be rebuilt."""

    async def rebuild(self, position: int) -> None:
        """Make it anew from the present state of its source; events up to `position` are in that state."""

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        """Take in events that may be in it already, and then `position`."""


@dataclass
class Subscription:
    """One named reader of the log. `handlers` is empty for a local one, which has its `replica` instead.

    `every` is after how many seconds it looks at the latest, also when that has failed; None: when all do.
    """

    name: str
    kind: Kind
    handlers: dict[type[DomainEvent], Callable[..., Any]] = field(default_factory=dict)
    give_up: dict[type[DomainEvent], Callable[[Any], Awaitable[None]]] = field(default_factory=dict)
    clear: Callable[[Any], None] | None = None
    sum_up: Callable[[Any], None] | None = None
    replica: Replica | None = None
    every: float | None = None
    event_types: dict[str, type[DomainEvent]] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class NoSingleResponder(Exception):
    """A request has no responder or more than one; the start-up stops."""


class EventBus:
    """Joins the domains inside one process."""

    def __init__(self) -> None:
        self._signals: dict[type[DomainEvent], Signal] = {}
        self._subscriptions: dict[str, Subscription] = {}

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        return tuple(self._subscriptions.values())

    def subscribe(
        self,
        event_type: type[EventT],
        handler: Callable[..., Any],
        *,
        name: str,
        kind: Kind,
        give_up: Callable[[EventT], Awaitable[None]] | None = None,
    ) -> None:
        """Let `handler` hear of every event of the type, in the order of the log.

        A projection's handler is `handler(uow, event)`, SQL only; a reaction's is `async handler(event)` and
        is idempotent by `event_id`. Handlers under one `name` share one checkpoint, so order holds among them.
        `give_up` is called with an event that was parked after all its attempts.
        """
        subscription = self._subscriptions.setdefault(name, Subscription(name, kind))
        if event_type in subscription.handlers or subscription.kind != kind:
            raise ValueError(f"{name} already listens to {event_type.name}, or is of another kind")
        subscription.handlers[event_type] = handler
        if give_up:
            subscription.give_up[event_type] = give_up
        self._listen(subscription, event_type)

    def sum_up_with(self, sum_up: Callable[[Any], None], *, name: str) -> None:
        """Let a projection work on a whole batch: `sum_up(uow)` runs after its handlers, in their transaction."""
        self._subscriptions[name].sum_up = sum_up

    def rebuild_with(self, clear: Callable[[Any], None], *, name: str) -> None:
        """Let a projection be replayed: `clear(uow)` empties its tables before the log is read anew."""
        self._subscriptions[name].clear = clear

    def replicate(
        self,
        event_types: Iterable[type[DomainEvent]],
        replica: Replica,
        *,
        name: str,
        every: float | None = None,
    ) -> None:
        """Keep `replica` up to date with events of these types (a local subscription)."""
        subscription = Subscription(name, "local", replica=replica, every=every)
        self._subscriptions[name] = subscription
        for event_type in event_types:
            self._listen(subscription, event_type)

    def publish(self, events: Iterable[DomainEvent]) -> None:
        """Wake whoever listens. Called by the unit of work after its commit, on the event loop's thread."""
        for event_type in {type(event) for event in events}:
            self._signal(event_type).send(self)

    def wake(self, name: str) -> None:
        """Let a subscription look at the log now."""
        self._subscriptions[name].wake.set()

    def wake_listeners(self, event_names: Collection[str]) -> None:
        """Wake whoever listens to one of these: another process has published them."""
        for subscription in self._subscriptions.values():
            if not subscription.event_types.keys().isdisjoint(event_names):
                subscription.wake.set()

    def respond(
        self,
        request_type: type[DomainRequest[ReplyT]],
        handler: Callable[[Any], Awaitable[ReplyT]],
    ) -> None:
        """Make `handler` the one responder to requests of the type."""
        signal = self._signal(request_type)
        if signal.receivers:
            raise NoSingleResponder(f"two responders to {request_type.name}")

        async def answer(_bus: "EventBus", *, request: DomainRequest[ReplyT]) -> ReplyT:
            return await handler(request)

        signal.connect(answer, weak=False)

    def require_responders(self, *request_types: type[DomainRequest[Any]]) -> None:
        """Raise `NoSingleResponder` when nobody answers one of these requests."""
        for request_type in request_types:
            if not self._signal(request_type).receivers:
                raise NoSingleResponder(f"no responder to {request_type.name}")

    async def request(self, request: DomainRequest[ReplyT], *, timeout: float) -> ReplyT:
        """Ask another domain. Raises `TimeoutError` after `timeout` seconds, or what its responder raised."""
        async with asyncio.timeout(timeout):
            [(_, reply)] = await self._signal(type(request)).send_async(self, request=request)
        return reply  # type: ignore[no-any-return]  # blinker's results are untyped

    def _listen(self, subscription: Subscription, event_type: type[DomainEvent]) -> None:
        subscription.event_types[event_type.name] = event_type

        def wake(_bus: "EventBus") -> None:
            subscription.wake.set()

        self._signal(event_type).connect(wake, weak=False)

    def _signal(self, event_type: type[DomainEvent]) -> Signal:
        return self._signals.setdefault(event_type, Signal())
