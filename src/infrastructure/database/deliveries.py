"""How the next events reach a subscription, and the local kind of it."""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from src.infrastructure.database import event_log
from src.infrastructure.database.database import Database
from src.infrastructure.database.event_log import EventRow
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent
from src.shared.events.bus import Replica, Subscription


@dataclass(frozen=True)
class DeliveryPolicy:
    """Bounds of the delivery; times in seconds. Delays after a failure double from the first to the longest.

    `gather` is how long a woken projection lets events come together: a batch costs little more than one.
    `lease` is how long a reaction's process may be silent before another one takes over, `save_every` how
    often a reaction's progress within a batch is saved.
    """

    batch: int = 500
    poll_interval: float = 1.0
    gather: float = 0.05
    max_attempts: int = 8
    first_delay: float = 0.1
    longest_delay: float = 60.0
    lease: float = 15.0
    save_every: float = 0.5
    stop_grace: float = 10.0

    def delay(self, failures: int) -> float:
        return min(self.first_delay * 2.0 ** min(failures - 1, 30), self.longest_delay)


@dataclass(frozen=True)
class Look:
    """What stands in the log past a position: events, and how far the log holds nothing else of interest."""

    events: Sequence[EventRow]
    reached: int


class Delivery(ABC):
    """One subscription's reader of the log. `position` is the last that it is known to have reached.

    `current_at` is when it last had nothing more to read, by the monotonic clock.
    """

    def __init__(self, database: Database, subscription: Subscription, policy: DeliveryPolicy) -> None:
        self.subscription = subscription
        self.name = subscription.name
        self.position = 0
        self.delivered = 0
        self.current_at = -math.inf
        self.stopping = asyncio.Event()
        self._database = database
        self._policy = policy

    @abstractmethod
    async def start(self) -> None:
        """Find out where to go on."""

    @abstractmethod
    async def deliver(self) -> bool:
        """Hand over the next events; tell whether there may be more of them already, beyond a full batch."""

    def _look(self, uow: UnitOfWork, position: int, limit: int) -> Look:
        # The head first: what is committed between the two queries must not be taken for seen.
        head = event_log.head(uow.connection)
        events = event_log.read(uow.connection, position, self.subscription.event_types, limit)
        last = events[-1].position if events else position
        return Look(events, last if len(events) == limit else max(last, head))

    def _decode(self, event: EventRow) -> DomainEvent:
        return self.subscription.event_types[event.name].model_validate_json(event.payload)


class LocalDelivery(Delivery):
    """Keeps what this process or machine has for itself; its position is saved with it.

    A replica that the log cannot bring up to date is made anew from its source: one that is new, behind what
    was trimmed, past the head (a backup has replaced the log), or that cannot take an event.
    """

    def __init__(
        self, database: Database, subscription: Subscription, policy: DeliveryPolicy, replica: Replica
    ) -> None:
        super().__init__(database, subscription, policy)
        self._replica = replica
        self._failures = 0

    async def start(self) -> None:
        position = await self._replica.position()
        head = await self._database.read(lambda uow: event_log.head(uow.connection))
        if position is None or position > head:
            await self._rebuild()
        else:
            self.position = position

    async def deliver(self) -> bool:
        if self._failures >= self._policy.max_attempts:
            await self._rebuild()
        look = await self._database.read(self._look_or_none)
        if look is None:
            await self._rebuild()
            return True
        if look.events:
            await self._apply(look)
        self.position = look.reached
        return len(look.events) == self._policy.batch

    def _look_or_none(self, uow: UnitOfWork) -> Look | None:
        if self.position < event_log.trimmed_to(uow.connection):
            return None
        return self._look(uow, self.position, self._policy.batch)

    async def _apply(self, look: Look) -> None:
        try:
            await self._replica.apply([self._decode(event) for event in look.events], look.reached)
        except Exception:
            self._failures += 1
            raise
        self._failures = 0
        self.delivered += len(look.events)

    async def _rebuild(self) -> None:
        began = time.monotonic()
        head = await self._database.read(lambda uow: event_log.head(uow.connection))
        await self._replica.rebuild(head)
        self.position, self._failures, self.current_at = head, 0, began
