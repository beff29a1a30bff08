"""Delivery from the event log on a real SQLite file: order, exactly once, retries, parking, replicas."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from sqlalchemy import select

from src.domains.auth.models import Group
from src.infrastructure.database.checkpoints import ParkedEvent
from src.infrastructure.database.deliveries import DeliveryPolicy
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.database.unit_of_work import Database, UnitOfWork
from src.infrastructure.operations.events import EventService
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent, correlation_id, utc_now
from src.shared.events.bus import EventBus
from tests.databases import execute


class Counted(DomainEvent):
    name: ClassVar[str] = "test.counted"
    number: int


class Ignored(DomainEvent):
    name: ClassVar[str] = "test.ignored"


class House:
    """A database, a bus and their subscriptions."""

    def __init__(self, settings: Settings, policy: DeliveryPolicy) -> None:
        self.bus = EventBus()
        engine = database_engine(settings.resolved_database_url, connections=5)
        self.database = Database(engine, self.bus.publish)
        self.subscriptions = Subscriptions(self.database, self.bus, policy)
        self.events = EventService(self.database, self.subscriptions.positions)

    async def record(self, *numbers: int) -> None:
        def record(uow: UnitOfWork) -> None:
            for number in numbers:
                uow.record(Counted(number=number))
                uow.record(Ignored())

        await self.database.write(record)

    async def lags(self) -> dict[str, int]:
        return await self.events.lags()

    async def parked(self) -> Sequence[ParkedEvent]:
        return await self.database.read(lambda uow: uow.session.scalars(select(ParkedEvent)).all())

    async def groups(self) -> Sequence[str]:
        return await self.database.read(
            lambda uow: uow.session.scalars(select(Group.name).order_by(Group.id)).all()
        )


@pytest.fixture
def fast() -> DeliveryPolicy:
    return DeliveryPolicy(batch=7, poll_interval=0.02, gather=0, max_attempts=3, first_delay=0.001)


@asynccontextmanager
async def running(
    settings: Settings, policy: DeliveryPolicy, subscribe: Callable[[EventBus], None]
) -> AsyncIterator[House]:
    house = House(settings, policy)
    subscribe(house.bus)
    house.database.start()
    await house.subscriptions.start()
    try:
        yield house
    finally:
        await house.subscriptions.stop()
        await house.database.stop()


def note_as_group(uow: UnitOfWork, event: Counted) -> None:
    uow.session.add(Group(name=f"{event.number:04}", created_at=utc_now()))


def projecting(handler: Callable[[UnitOfWork, Counted], None]) -> Callable[[EventBus], None]:
    return lambda bus: bus.subscribe(Counted, handler, name="p", kind="projection")


async def test_a_projection_takes_every_event_once_and_in_order(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    async with running(settings, fast, projecting(note_as_group)) as house:
        await asyncio.gather(*(house.record(number * 2, number * 2 + 1) for number in range(20)))
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == [f"{number:04}" for number in range(40)]
        assert await house.lags() == {"p": 0}


async def test_a_restart_goes_on_behind_the_checkpoint(settings: Settings, fast: DeliveryPolicy) -> None:
    for start in (0, 10):
        async with running(settings, fast, projecting(note_as_group)) as house:
            await house.record(*range(start, start + 10))
            await house.subscriptions.wait_until_current("p")
    async with running(settings, fast, projecting(note_as_group)) as house:
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == [f"{number:04}" for number in range(20)]


async def test_events_recorded_while_nobody_listens_are_delivered_later(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    async with running(settings, fast, lambda _bus: None) as house:
        await house.record(1, 2, 3)
    async with running(settings, fast, projecting(note_as_group)) as house:
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == ["0001", "0002", "0003"]


async def test_a_handler_that_fails_once_has_its_effect_once(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    failures = [4]

    def fail_once(uow: UnitOfWork, event: Counted) -> None:
        note_as_group(uow, event)
        if event.number in failures:
            # `write` runs a failed unit of work a second time by itself.
            failures.clear()
            raise OSError

    async with running(settings, fast, projecting(fail_once)) as house:
        await house.record(*range(10))
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == [f"{number:04}" for number in range(10)]
        assert await house.parked() == []


async def test_an_event_that_always_fails_is_parked_with_its_error_and_the_others_go_on(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    def fail_on_four(uow: UnitOfWork, event: Counted) -> None:
        if event.number == 4:
            raise OSError("four cannot be taken")
        note_as_group(uow, event)

    async with running(settings, fast, projecting(fail_on_four)) as house:
        await house.record(*range(10))
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == [f"{number:04}" for number in range(10) if number != 4]
        [parked] = await house.parked()
        assert (parked.subscription, parked.attempts) == ("p", 3)
        assert "four cannot be taken" in parked.error


async def test_a_batch_that_failed_is_tried_whole_once_only(settings: Settings, fast: DeliveryPolicy) -> None:
    """Its events are then taken one by one to its end, so each of the others is handled once more, not often."""
    handled: list[int] = []

    def fail_on_the_last(uow: UnitOfWork, event: Counted) -> None:
        handled.append(event.number)
        if event.number == 5:
            raise OSError

    async with running(settings, fast, projecting(fail_on_the_last)) as house:
        await house.record(*range(6))
        await house.subscriptions.wait_until_current("p")
        assert len(await house.parked()) == 1
    assert [handled.count(number) for number in range(5)] == [2] * 5


async def test_a_broken_subscriber_delays_nobody_else(settings: Settings) -> None:
    patient = DeliveryPolicy(poll_interval=0.02, max_attempts=100, first_delay=30)

    def always_fail(_uow: UnitOfWork, _event: Counted) -> None:
        raise OSError

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, always_fail, name="broken", kind="projection")
        bus.subscribe(Counted, note_as_group, name="sound", kind="projection")

    async with running(settings, patient, subscribe) as house:
        await house.record(1, 2)
        await house.subscriptions.wait_until_current("sound")
        assert await house.groups() == ["0001", "0002"]
        assert (await house.lags())["broken"] > 0


async def test_a_reaction_runs_outside_a_transaction_and_can_write(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    taken: list[tuple[int, str]] = []
    houses: list[House] = []

    async def react(event: Counted) -> None:
        await houses[0].database.write(lambda uow: note_as_group(uow, event))
        taken.append((event.number, correlation_id.get()))

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, fast, subscribe) as house:
        houses.append(house)
        correlation_id.set("the request")
        await house.record(1, 2, 3)
        await house.subscriptions.wait_until_current("r")
    assert taken == [(1, "the request"), (2, "the request"), (3, "the request")]


async def test_a_reaction_that_fails_is_repeated_then_parked(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    tries: list[int] = []

    async def react(event: Counted) -> None:
        tries.append(event.number)
        if event.number == 1:
            raise OSError("unreachable")

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, fast, subscribe) as house:
        await house.record(1, 2)
        await house.subscriptions.wait_until_current("r")
        assert tries == [1, 1, 1, 1, 2]  # once with the batch, then three times by itself
        [parked] = await house.parked()
        assert "unreachable" in parked.error


async def test_an_event_that_ends_the_process_is_parked_after_its_attempts(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    """Every attempt is counted before it runs, so it counts although nothing came back from it."""
    given_up: list[int] = []
    begun: list[int] = []
    hanging = asyncio.Event()

    async def hang(event: Counted) -> None:
        begun.append(event.number)
        hanging.set()
        if event.number == 1:
            await asyncio.Event().wait()

    async def give_up(event: Counted) -> None:
        given_up.append(event.number)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, hang, name="r", kind="reaction", give_up=give_up)

    fatal = replace(fast, stop_grace=0)
    for start in range(4):
        async with running(settings, fatal, subscribe) as house:
            if start == 0:
                await house.record(1, 2)
            await hanging.wait()
            hanging.clear()
    async with running(settings, fatal, subscribe) as house:
        await house.subscriptions.wait_until_current("r")
        [parked] = await house.parked()
    assert begun == [1, 1, 1, 1, 2]
    assert given_up == [1]
    assert parked.attempts == 3


class Memory:
    """A replica that remembers what it was told, across restarts like an index on disk."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.numbers: list[int] = []
        self.rebuilt_at: list[int] = []

    async def position(self) -> int | None:
        return self.at

    async def rebuild(self, position: int) -> None:
        self.rebuilt_at.append(position)
        self.at = position

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        self.numbers += [event.number for event in events if isinstance(event, Counted)]
        self.at = position


async def test_a_replica_is_rebuilt_once_and_then_follows_the_log(
    settings: Settings, fast: DeliveryPolicy
) -> None:
    memory = Memory()
    async with running(settings, fast, lambda _bus: None) as house:
        await house.record(1)
    for number in (2, 3):
        async with running(settings, fast, lambda bus: bus.replicate([Counted], memory, name="m")) as house:
            await house.record(number)
            await house.subscriptions.wait_until_current("m")
    assert memory.numbers == [2, 3]
    assert memory.rebuilt_at == [2]


async def test_an_event_that_cannot_be_read_back_is_parked(settings: Settings, fast: DeliveryPolicy) -> None:
    async with running(settings, fast, projecting(note_as_group)) as house:
        await house.record(1)
        await house.subscriptions.wait_until_current("p")
        await house.subscriptions.stop()

        def spoil(uow: UnitOfWork) -> None:
            uow.record(Counted(number=2))
            uow.record(Counted(number=3))

        await house.database.write(spoil)
    execute(settings, """UPDATE event_log SET payload = replace(payload, '"number":2', '"number":"two"')""")
    async with running(settings, fast, projecting(note_as_group)) as house:
        await house.subscriptions.wait_until_current("p")
        assert await house.groups() == ["0001", "0003"]
        assert len(await house.parked()) == 1


async def test_waiting_for_a_subscription_that_does_not_come_times_out(settings: Settings) -> None:
    def always_fail(_uow: UnitOfWork, _event: Counted) -> None:
        raise OSError

    async with running(settings, DeliveryPolicy(first_delay=30), projecting(always_fail)) as house:
        await house.record(1)
        with pytest.raises(TimeoutError):
            await house.subscriptions.wait_until_current("p", timeout=0.05)
