"""Delivery: each subscription reads the event log past its position, in order, and nothing is lost.

A projection's changes and its checkpoint are one transaction, so an event has its effect exactly once. A
reaction runs outside any transaction and is delivered at least once. A local subscription keeps its own
position with what it maintains. An event that keeps failing is retried with growing delays, then parked.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog

from src.infrastructure.database import checkpoints, event_log
from src.infrastructure.database.database import Database
from src.infrastructure.database.deliveries import Delivery, DeliveryPolicy, LocalDelivery
from src.infrastructure.database.shared_deliveries import ProjectionDelivery, ReactionDelivery, SharedDelivery
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.bus import EventBus, Subscription

log = structlog.get_logger(__name__)


class Subscriptions:
    """Runs every subscription of a process, each in a task of its own: a slow or broken one delays nobody."""

    def __init__(self, database: Database, bus: EventBus, policy: DeliveryPolicy) -> None:
        self._database = database
        self._bus = bus
        self._policy = policy
        self._deliveries: dict[str, Delivery] = {}
        self._advanced = asyncio.Condition()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Bring the local replicas up to date, then keep delivering in the background."""
        await self._database.write(self._register)
        for subscription in self._bus.subscriptions:
            delivery = self._delivery(subscription)
            await delivery.start()
            self._deliveries[subscription.name] = delivery
        if not self._database.shared:
            await self._database.write(checkpoints.release_reactions)
        self._tasks = {
            name: asyncio.create_task(self._run(delivery), name=name)
            for name, delivery in self._deliveries.items()
        }

    async def stop(self) -> None:
        """Finish the batch in hand and end; what takes too long is left to be delivered again."""
        shared = [each for each in self._deliveries.values() if isinstance(each, SharedDelivery)]
        local = [each for each in self._deliveries.values() if isinstance(each, LocalDelivery)]
        await self._end(shared)
        await self._end(local)  # last, for a reaction may have waited for the index
        for delivery in shared:
            if self._tasks and not self._tasks[delivery.name].cancelled():
                await delivery.finish()

    async def _end(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            delivery.stopping.set()
            delivery.subscription.wake.set()
        tasks = [self._tasks[delivery.name] for delivery in deliveries if delivery.name in self._tasks]
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=self._policy.stop_grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def running(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks.values())

    def positions(self) -> Mapping[str, int]:
        """How far each subscription is known to have come by this process."""
        return {name: delivery.position for name, delivery in self._deliveries.items()}

    def delivered(self) -> Mapping[str, int]:
        """How many events this process has delivered to each subscription."""
        return {name: delivery.delivered for name, delivery in self._deliveries.items()}

    def seconds_behind(self, name: str) -> float:
        """Return how long ago a local subscription is known to have had all that was committed then."""
        return time.monotonic() - self._deliveries[name].current_at

    async def wait_until_current(self, name: str, *, timeout: float = 5.0) -> None:
        """Return once the subscription has taken in all that is committed by now, else raise `TimeoutError`."""
        head = await self._database.read(lambda uow: event_log.head(uow.connection))
        self._bus.wake(name)
        async with asyncio.timeout(timeout), self._advanced:
            await self._advanced.wait_for(lambda: self._deliveries[name].position >= head)

    def _register(self, uow: UnitOfWork) -> None:
        shared = [each for each in self._bus.subscriptions if each.kind != "local"]
        checkpoints.register(uow, {each.name: each.kind for each in shared})

    def _delivery(self, subscription: Subscription) -> Delivery:
        if subscription.replica:
            return LocalDelivery(self._database, subscription, self._policy, subscription.replica)
        delivery = ProjectionDelivery if subscription.kind == "projection" else ReactionDelivery
        return delivery(self._database, subscription, self._policy)

    async def _run(self, delivery: Delivery) -> None:
        failures, wake = 0, delivery.subscription.wake
        longest = delivery.subscription.every or math.inf
        while not delivery.stopping.is_set():
            wake.clear()
            began = time.monotonic()
            try:
                goes_on = await delivery.deliver()
                failures = 0
            except Exception:
                failures += 1
                log.exception("delivery_failed", subscription=delivery.name, failures=failures)
                await _wait(delivery.stopping, min(self._policy.delay(failures), longest))
                continue
            async with self._advanced:
                self._advanced.notify_all()
            if not goes_on:
                delivery.current_at = began
                await _wait(wake, min(self._policy.poll_interval, longest))
                if delivery.subscription.kind == "projection":
                    await _wait(delivery.stopping, self._policy.gather)


async def _wait(signal: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await signal.wait()
