"""What administrators do with the log: retry, replay, trimming, forgetting."""

import asyncio
from uuid import uuid4

import pytest

from src.infrastructure.database.retention import Retention, RetentionPolicy
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.operations.events import (
    LogTrimmed,
    NotReplayable,
    UnknownParkedEvent,
    UnknownSubscription,
)
from src.infrastructure.settings import Settings
from src.shared.events.bus import EventBus
from tests.databases import execute, query
from tests.houses import Counted, House, note_as_group, projecting, running, until

REPLAY_WISHES = "SELECT 1 FROM event_checkpoint WHERE replay_requested"


class Obstacle:
    """Makes a projection's or reaction's event fail until it is taken away."""

    def __init__(self, number: int) -> None:
        self.number: int | None = number
        self.taken: list[int] = []

    def project(self, uow: UnitOfWork, event: Counted) -> None:
        self._fail_at(event)
        note_as_group(uow, event)

    async def react(self, event: Counted) -> None:
        self._fail_at(event)
        self.taken.append(event.number)

    def _fail_at(self, event: Counted) -> None:
        if event.number == self.number:
            raise OSError(f"{event.number} cannot be taken")


async def test_a_parked_event_is_taken_once_its_cause_is_gone(settings: Settings) -> None:
    obstacle = Obstacle(2)
    async with running(settings, projecting(obstacle.project)) as house:
        await house.record(1, 2, 3)
        await house.delivered("p")
        [parked] = await house.parked()
        obstacle.number = None
        await house.events.retry(parked.id)
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
        assert await house.groups() == ["0001", "0003", "0002"]


async def test_a_parked_event_that_fails_again_stays_with_its_newest_error(settings: Settings) -> None:
    obstacle = Obstacle(2)
    async with running(settings, projecting(obstacle.project)) as house:
        await house.record(1, 2, 3)
        await house.delivered("p")
        [parked] = await house.parked()
        await house.events.retry(parked.id)
        await until(lambda: query(settings, "SELECT 1 FROM event_parked WHERE attempts = 4"))
        [again] = await house.parked()
        assert "2 cannot be taken" in again.error
        assert not again.retry_requested
        assert await house.groups() == ["0001", "0003"]


async def test_a_reactions_parked_event_is_taken_outside_a_transaction(settings: Settings) -> None:
    obstacle = Obstacle(1)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, obstacle.react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        await house.record(1, 2)
        await house.delivered("r")
        [parked] = await house.parked()
        await house.events.retry(parked.id)
        await until(lambda: query(settings, "SELECT 1 FROM event_parked WHERE attempts = 4"))
        obstacle.number = None
        await house.events.retry(parked.id)
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
    assert obstacle.taken == [2, 1]


async def test_a_wish_left_while_no_server_runs_is_carried_out_at_its_start(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await house.record(1, 2)
        await house.delivered("p")
    execute(settings, "DELETE FROM auth_group")
    await wish_for_a_replay(settings)
    async with running(settings, projecting()) as house:
        await until(lambda: not query(settings, REPLAY_WISHES))
        await house.delivered("p")
        assert await house.groups() == ["0001", "0002"]


async def test_a_replay_begins_too_where_the_last_process_ended_without_a_word(settings: Settings) -> None:
    """Events are then taken one by one at first; the ones before the checkpoint must not be waited for."""
    async with running(settings, projecting()) as house:
        await house.record(1, 2)
        await house.delivered("p")
    execute(settings, "UPDATE event_checkpoint SET leased_by = 'gone'")
    await wish_for_a_replay(settings)
    async with running(settings, projecting()) as house:
        await until(lambda: not query(settings, REPLAY_WISHES))
        await house.delivered("p")
        assert await house.groups() == ["0001", "0002"]


async def wish_for_a_replay(settings: Settings) -> None:
    """As a command line does it while no server runs."""
    house = House(settings)
    house.database.start()
    await house.events.replay("p")
    await house.database.stop()


async def test_a_replay_gives_the_same_rows_while_new_events_arrive(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await house.record(*range(50))
        await house.delivered("p")
        before = await house.groups()
        execute(settings, "UPDATE auth_group SET name = name || ' spoilt'")
        await house.events.replay("p")
        await asyncio.gather(*(house.record(number) for number in range(50, 80)))
        await house.delivered("p")
        await until(lambda: not query(settings, REPLAY_WISHES))
        await house.delivered("p")
        rows = await house.groups()
    assert rows[:50] == before
    assert sorted(rows) == [f"{number:04}" for number in range(80)]


async def test_a_replay_takes_parked_events_anew(settings: Settings) -> None:
    obstacle = Obstacle(2)
    async with running(settings, projecting(obstacle.project)) as house:
        await house.record(1, 2, 3)
        await house.delivered("p")
        obstacle.number = None
        await house.events.replay("p")
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
        await house.delivered("p")
        assert await house.groups() == ["0001", "0002", "0003"]


async def test_what_cannot_be_replayed_or_is_not_there_is_refused(settings: Settings) -> None:
    obstacle = Obstacle(0)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, obstacle.react, name="r", kind="reaction")

    async with running(settings, subscribe) as house:
        with pytest.raises(NotReplayable):
            await house.events.replay("r")
        with pytest.raises(UnknownSubscription):
            await house.events.replay("nobody")
        with pytest.raises(UnknownParkedEvent):
            await house.events.retry(uuid4())


async def trim(house: House, **policy: float) -> int:
    return await Retention(house.database, RetentionPolicy(**policy, chunk=10)).trim()  # type: ignore[arg-type]


def log_length(settings: Settings) -> int:
    return int(str(query(settings, "SELECT count(*) FROM event_log")[0][0]))


async def test_trimming_keeps_the_newest_events_and_refuses_a_replay_from_before(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await house.record(*range(20))
        await house.delivered("p")
        assert await trim(house, events=15) == 25
        assert log_length(settings) == 15
        with pytest.raises(LogTrimmed, match="position 25"):
            await house.events.replay("p")
        await house.record(20)
        await house.delivered("p")
        assert len(await house.groups()) == 21


async def test_trimming_never_passes_a_subscription_that_is_behind_and_says_which(settings: Settings) -> None:
    obstacle = Obstacle(5)
    patient = RetentionPolicy(events=0, chunk=1000)

    def subscribe(bus: EventBus) -> None:
        bus.subscribe(Counted, obstacle.project, name="slow", kind="projection")

    async with running(settings, subscribe) as house:
        await house.record(*range(5))
        await house.delivered("slow")
        await house.subscriptions.stop()
        await house.record(*range(5, 10))
        retention = Retention(house.database, patient)
        assert await retention.trim() == 10
        assert retention.held_up_by() == ("slow",)
        assert log_length(settings) == 10


async def test_trimming_keeps_what_is_parked(settings: Settings) -> None:
    obstacle = Obstacle(2)
    async with running(settings, projecting(obstacle.project)) as house:
        await house.record(1, 2, 3)
        await house.delivered("p")
        assert await trim(house, events=0) == 5
        [parked] = await house.parked()
        obstacle.number = None
        await house.events.retry(parked.id)
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
        assert await house.groups() == ["0001", "0003", "0002"]
        assert await trim(house, events=0) == 1


async def test_trimming_by_age_keeps_what_is_young(settings: Settings) -> None:
    async with running(settings, projecting()) as house:
        await house.record(1, 2)
        await house.delivered("p")
        assert await trim(house, days=1) == 0
        execute(
            settings, "UPDATE event_log SET occurred_at = '2020-01-01 00:00:00+00:00' WHERE position <= 2"
        )
        assert await trim(house, days=1) == 2
        assert await trim(house, days=1, events=10) == 0


async def test_a_forgotten_subscription_no_longer_holds_up_the_log(settings: Settings) -> None:
    async with running(settings, projecting(name="old")) as house:
        await house.delivered("old")
    async with running(settings, projecting(name="new")) as house:
        await house.record(1, 2)
        await house.delivered("new")
        assert await trim(house, events=0) == 0
        await house.events.forget("old")
        assert await trim(house, events=0) == 4
