"""Two server processes on one PostgreSQL share projections and reactions, without a double effect.

Each house here has an engine, a process id and subscriptions of its own, as a process has.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from src.domains.auth.models import Group
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.bus import EventBus
from tests.databases import execute, query
from tests.houses import FAST, LISTENING, Counted, note_as_group, projecting, running, until

GROUPS = "SELECT name FROM auth_group"
LEASE_TO = "UPDATE event_checkpoint SET leased_by ="

pytestmark = pytest.mark.only("postgresql")


async def test_two_processes_take_every_event_of_a_projection_once_and_in_order(settings: Settings) -> None:
    handled: dict[str, int] = {"first": 0, "second": 0}

    def counting(process: str) -> Callable[[EventBus], None]:
        def handle(uow: UnitOfWork, event: Counted) -> None:
            note_as_group(uow, event)
            handled[process] += 1

        return projecting(handle)

    async with (
        running(settings, counting("first")) as first,
        running(settings, counting("second")) as second,
    ):
        for start in range(0, 300, 6):
            await asyncio.gather(
                first.record(*range(start, start + 3)), second.record(*range(start + 3, start + 6))
            )
        await asyncio.gather(first.delivered("p"), second.delivered("p"))
        assert sorted(await first.groups()) == [f"{number:04}" for number in range(300)]
    assert sum(handled.values()) >= 300  # a batch that lost its transaction ran for nothing


async def test_a_process_hears_at_once_what_another_one_appends(settings: Settings) -> None:
    """LISTEN wakes: polling alone would take half a minute."""
    patient = replace(FAST, poll_interval=30)
    async with (
        running(settings, lambda _bus: None, patient) as publisher,
        running(settings, projecting(), patient),
    ):
        await until(lambda: len(query(settings, LISTENING)) == 2)
        await publisher.record(1)
        await until(lambda: query(settings, GROUPS))


async def test_polling_finds_what_a_lost_notification_told(settings: Settings) -> None:
    async with running(settings, lambda _bus: None) as publisher, running(settings, projecting()) as listener:
        await listener.notifications.stop()
        await publisher.record(1)
        await until(lambda: query(settings, GROUPS))


async def test_listening_goes_on_after_the_connection_was_cut(settings: Settings) -> None:
    patient = replace(FAST, poll_interval=30)
    async with (
        running(settings, lambda _bus: None) as publisher,
        running(settings, projecting(), patient),
    ):
        await publisher.notifications.stop()
        await until(lambda: query(settings, LISTENING))
        before = query(settings, LISTENING)
        query(settings, f"SELECT pg_terminate_backend({before[0][0]})")
        await until(lambda: query(settings, LISTENING) not in ([], before))
        await publisher.record(1)
        await until(lambda: query(settings, GROUPS))


async def test_a_reaction_runs_in_one_process_at_a_time(settings: Settings) -> None:
    running_now, most = 0, 0
    taken: list[int] = []

    async def react(event: Counted) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.001)
        running_now -= 1
        taken.append(event.number)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with AsyncExitStack() as stack:
        houses = [await stack.enter_async_context(running(settings, subscribe)) for _ in range(2)]
        for number in range(40):
            await houses[number % 2].record(number)
        await asyncio.gather(*(house.delivered("r") for house in houses))
    assert most == 1
    assert taken == list(range(40))


async def test_a_lease_of_a_process_that_is_gone_runs_out_and_one_that_lives_is_respected(
    settings: Settings,
) -> None:
    taken: list[int] = []

    async def react(event: Counted) -> None:
        taken.append(event.number)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        execute(settings, f"{LEASE_TO} 'another', leased_until = now() + interval '1 hour'")
        await house.record(1)
        with pytest.raises(TimeoutError):
            await house.subscriptions.wait_until_current("r", timeout=0.2)
        assert taken == []
        execute(settings, f"{LEASE_TO} 'another', leased_until = now() - interval '1 second'")
        await house.delivered("r")
    assert taken == [1]


async def test_progress_is_refused_once_another_process_has_the_lease(settings: Settings) -> None:
    """What a process that stood still does when it wakes up: nothing of it is saved, the events come again."""
    taken: list[int] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def react(event: Counted) -> None:
        taken.append(event.number)
        begun.set()
        await may_end.wait()

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        await house.record(1)
        await begun.wait()
        execute(settings, f"{LEASE_TO} 'another', leased_until = now() + interval '1 hour'")
        may_end.set()
        with pytest.raises(TimeoutError):
            await house.subscriptions.wait_until_current("r", timeout=0.2)
        assert query(settings, "SELECT position FROM event_checkpoint") == [(0,)]
        execute(settings, f"{LEASE_TO} NULL")
        await house.delivered("r")
    assert taken == [1, 1]


async def test_a_long_handler_keeps_its_lease(settings: Settings) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def react(_event: Counted) -> None:
        begun.set()
        await may_end.wait()

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, react, name="r", kind="reaction")

    leased_until = "SELECT leased_until FROM event_checkpoint"
    async with running(settings, subscribe, replace(FAST, lease=0.3)) as house:
        await house.record(1)
        await begun.wait()
        first = query(settings, leased_until)
        await until(lambda: query(settings, leased_until) != first)
        may_end.set()
        await house.delivered("r")


async def test_deadlocked_units_of_work_are_run_again(settings: Settings) -> None:
    """Two processes lock the same rows in opposite orders: PostgreSQL ends one of them, and it is repeated."""
    async with running(settings, lambda _bus: None) as first, running(settings, lambda _bus: None) as second:
        await first.database.write(lambda uow: [note_as_group(uow, Counted(number=n)) for n in (1, 2)])
        met = threading.Barrier(2)

        def locking(*names: str) -> Callable[[UnitOfWork], None]:
            def lock(uow: UnitOfWork) -> None:
                for name in names:
                    uow.session.execute(select(Group).where(Group.name == name).with_for_update())
                    with suppress(threading.BrokenBarrierError):
                        met.wait(timeout=1)  # both have their first row; later attempts do not wait

            return lock

        await asyncio.gather(
            first.database.write(locking("0001", "0002"), alone=True),
            second.database.write(locking("0002", "0001"), alone=True),
        )
