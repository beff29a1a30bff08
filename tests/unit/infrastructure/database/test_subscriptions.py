"""Delivery from the event log: order, exactly once, retries, parking, replicas."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from src.infrastructure.database.deliveries import DeliveryPolicy
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent, correlation_id
from src.shared.events.bus import EventBus
from src.shared.exceptions.errors import Unavailable
from tests.databases import execute, query
from tests.houses import FAST, Counted, House, note_as_group, projecting, running


async def test_a_projection_takes_every_event_once_and_in_order(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await asyncio.gather(*(house.record(number * 2, number * 2 + 1) for number in range(20)))
        await house.delivered("p")
        assert await house.groups() == [f"{number:04}" for number in range(40)]
        assert await house.events.lags() == {"p": 0}


async def test_a_restart_goes_on_behind_the_checkpoint(settings: Settings) -> None:
    for start in (0, 10):
        async with running(settings, projecting()) as house:
            await house.record(*range(start, start + 10))
            await house.delivered("p")
    async with running(settings, projecting()) as house:
        await house.delivered("p")
        assert await house.groups() == [f"{number:04}" for number in range(20)]


async def test_events_recorded_while_nobody_listens_are_delivered_later(settings: Settings) -> None:
    async with running(settings, lambda _bus: None) as house:
        await house.record(1, 2, 3)
    async with running(settings, projecting()) as house:
        await house.delivered("p")
        assert await house.groups() == ["0001", "0002", "0003"]


async def test_a_handler_that_fails_once_has_its_effect_once(settings: Settings) -> None:
    failures = [4]

    def fail_once(uow: UnitOfWork, event: Counted) -> None:
        note_as_group(uow, event)
        if event.number in failures:
            # `write` runs a failed unit of work a second time by itself.
            failures.clear()
            raise OSError

    async with running(settings, projecting(fail_once)) as house:
        await house.record(*range(10))
        await house.delivered("p")
        assert await house.groups() == [f"{number:04}" for number in range(10)]
        assert await house.parked() == []


async def test_an_event_that_always_fails_is_parked_with_its_error_and_the_others_go_on(
    settings: Settings,
) -> None:
    def fail_on_four(uow: UnitOfWork, event: Counted) -> None:
        if event.number == 4:
            raise OSError("four cannot be taken")
        note_as_group(uow, event)

    async with running(settings, projecting(fail_on_four)) as house:
        await house.record(*range(10))
        await house.delivered("p")
        assert await house.groups() == [f"{number:04}" for number in range(10) if number != 4]
        [parked] = await house.parked()
        assert (parked.subscription, parked.attempts) == ("p", 3)
        assert "four cannot be taken" in parked.error


async def test_a_batch_that_failed_is_tried_whole_once_only(settings: Settings) -> None:
    """Its events are then taken one by one to its end, so each of the others is handled once more, not often."""
    handled: list[int] = []

    def fail_on_the_last(uow: UnitOfWork, event: Counted) -> None:
        handled.append(event.number)
        if event.number == 5:
            raise OSError

    async with running(settings, projecting(fail_on_the_last)) as house:
        await house.record(*range(6))
        await house.delivered("p")
        assert len(await house.parked()) == 1
    assert [handled.count(number) for number in range(5)] == [2] * 5


async def test_a_broken_subscriber_delays_nobody_else(settings: Settings) -> None:
    patient = DeliveryPolicy(poll_interval=0.02, max_attempts=100, first_delay=30)

    def always_fail(_uow: UnitOfWork, _event: Counted) -> None:
        raise OSError

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, always_fail, name="broken", kind="projection")
        bus.subscribe(Counted, note_as_group, name="sound", kind="projection")

    async with running(settings, subscribe, patient) as house:
        await house.record(1, 2)
        await house.delivered("sound")
        assert await house.groups() == ["0001", "0002"]
        assert (await house.events.lags())["broken"] > 0


async def test_a_reaction_runs_outside_a_transaction_and_can_write(settings: Settings) -> None:
    taken: list[tuple[int, str]] = []
    houses: list[House] = []

    async def react(event: Counted) -> None:
        await houses[0].database.write(lambda uow: note_as_group(uow, event))
        taken.append((event.number, correlation_id.get()))

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        houses.append(house)
        correlation_id.set("the request")
        await house.record(1, 2, 3)
        await house.delivered("r")
    assert taken == [(1, "the request"), (2, "the request"), (3, "the request")]


async def test_a_reaction_that_fails_is_repeated_then_parked(settings: Settings) -> None:
    tries: list[int] = []

    async def react(event: Counted) -> None:
        tries.append(event.number)
        if event.number == 1:
            raise OSError("unreachable")

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        await house.record(1, 2)
        await house.delivered("r")
        assert tries == [1, 1, 1, 1, 2]  # once with the batch, then three times by itself
        [parked] = await house.parked()
        assert "unreachable" in parked.error


async def test_an_event_that_ends_the_process_is_parked_after_its_attempts(settings: Settings) -> None:
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

    fatal = replace(FAST, stop_grace=0, lease=0.1)
    for start in range(4):
        async with running(settings, subscribe, fatal) as house:
            if start == 0:
                await house.record(1, 2)
            await hanging.wait()
            hanging.clear()
    async with running(settings, subscribe, fatal) as house:
        await house.delivered("r")
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


async def test_a_replica_is_rebuilt_once_and_then_follows_the_log(settings: Settings) -> None:
    memory = Memory()
    async with running(settings, lambda _bus: None) as house:
        await house.record(1)
    for number in (2, 3):
        async with running(settings, lambda bus: bus.replicate([Counted], memory, name="m")) as house:
            await house.record(number)
            await house.delivered("m")
    assert memory.numbers == [2, 3]
    assert memory.rebuilt_at == [2]


async def test_an_event_that_cannot_be_read_back_is_parked(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await house.record(1)
        await house.delivered("p")
        await house.subscriptions.stop()

        def spoil(uow: UnitOfWork) -> None:
            uow.record(Counted(number=2))
            uow.record(Counted(number=3))

        await house.database.write(spoil)
    execute(settings, """UPDATE event_log SET payload = replace(payload, '"number":2', '"number":"two"')""")
    async with running(settings, projecting()) as house:
        await house.delivered("p")
        assert await house.groups() == ["0001", "0003"]
        assert len(await house.parked()) == 1


async def test_waiting_for_a_subscription_that_does_not_come_times_out(settings: Settings) -> None:
    def always_fail(_uow: UnitOfWork, _event: Counted) -> None:
        raise OSError

    async with running(settings, projecting(always_fail), DeliveryPolicy(first_delay=30)) as house:
        await house.record(1)
        with pytest.raises(TimeoutError):
            await house.subscriptions.wait_until_current("p", timeout=0.05)


async def test_a_reaction_to_something_out_of_reach_is_parked_like_any_other_that_fails(
    settings: Settings,
) -> None:
    """Only the database's own faults are nobody's fault: a service that never answers must not stop the rest."""
    taken: list[int] = []

    async def react(event: Counted) -> None:
        if event.number == 1:
            raise Unavailable("The webhook does not answer.")
        taken.append(event.number)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        await house.record(1, 2)
        await house.delivered("r")
        assert len(await house.parked()) == 1
    assert taken == [2]


async def test_a_process_that_ended_well_leaves_no_trace_and_one_that_did_not_leaves_its_name(
    settings: Settings,
) -> None:
    """The next one goes on with care only after the second: one by one, each attempt counted."""
    mark = "SELECT leased_by FROM event_checkpoint WHERE name = 'p'"
    handled: list[int] = []

    def note(uow: UnitOfWork, event: Counted) -> None:
        handled.append(int(str(query(settings, "SELECT attempts FROM event_checkpoint")[0][0])))
        note_as_group(uow, event)

    async with running(settings, projecting(note)):
        assert query(settings, mark) != [(None,)]
    assert query(settings, mark) == [(None,)]
    for name in ("NULL", "'gone'"):
        async with running(settings, lambda _bus: None) as house:
            await house.record(*range(len(handled), len(handled) + 3))
        execute(settings, f"UPDATE event_checkpoint SET leased_by = {name}")
        async with running(settings, projecting(note)) as house:
            await house.delivered("p")
    assert handled == [0, 0, 0, 1, 1, 1]
