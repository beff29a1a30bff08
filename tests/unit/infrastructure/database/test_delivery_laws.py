"""The laws of delivery, whatever is published, fails, crashes, is replayed or trimmed, and in whichever order."""

import asyncio
from collections import Counter
from dataclasses import replace

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from src.domains.knowledge.models import Collection
from src.infrastructure.database.retention import Retention, RetentionPolicy
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.operations.events import LogTrimmed
from src.infrastructure.settings import Settings
from src.shared.events.base import utc_now
from src.shared.events.bus import EventBus
from tests.databases import execute, query
from tests.houses import FAST, Counted, House, delete_groups, note_as_group, until

ALWAYS = 1_000
SUBSCRIBERS = ("groups", "collections", "reaction")
OBSTACLES = st.tuples(st.sampled_from(SUBSCRIBERS), st.integers(0, 15), st.sampled_from([1, 2, ALWAYS]))


class Delivery(RuleBasedStateMachine):
    """Two projections, each with a table that refuses a second row for an event, and a reaction that remembers."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.runner = asyncio.Runner()
        self.published = 0
        self.failures: Counter[tuple[str, int]] = Counter()
        self.reacted: list[int] = []
        self.late: set[tuple[str, int]] = set()

    @initialize()
    def begin(self) -> None:
        for table in ("event_log", "event_checkpoint", "event_parked", "event_trimmed"):
            execute(self.settings, f"DELETE FROM {table}")
        for table in ("auth_group", "knowledge_collection"):
            execute(self.settings, f"DELETE FROM {table}")
        self.runner.run(self._start())

    @rule(count=st.integers(1, 20))
    def publish(self, count: int) -> None:
        numbers = range(self.published, self.published + count)
        self.published += count
        self.runner.run(self.house.record(*numbers))

    @rule(obstacle=OBSTACLES)
    def let_the_next_ones_fail(self, obstacle: tuple[str, int, int]) -> None:
        subscriber, ahead, times = obstacle
        self.failures[subscriber, self.published + ahead] = times

    @rule(steps=st.integers(1, 30))
    def let_time_pass(self, steps: int) -> None:
        async def pass_time() -> None:
            for _ in range(steps):
                await asyncio.sleep(0.001)

        self.runner.run(pass_time())

    @rule()
    def restart(self) -> None:
        self.runner.run(self._stop())
        self.runner.run(self._start())

    @rule()
    def crash(self) -> None:
        """Whatever is in hand is dropped where it stands."""

        async def drop() -> None:
            tasks = self.house.subscriptions._tasks.values()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.house.database.stop()

        self.runner.run(drop())
        execute(self.settings, "UPDATE event_checkpoint SET leased_until = '1970-01-01 00:00:00+00:00'")
        self.runner.run(self._start())

    @rule(subscriber=st.sampled_from(SUBSCRIBERS[:2]))
    def replay(self, subscriber: str) -> None:
        try:
            self.runner.run(self.house.events.replay(subscriber))
        except LogTrimmed:
            assert query(self.settings, "SELECT 1 FROM event_trimmed WHERE position > 0")

    @rule(kept=st.integers(0, 40))
    def trim(self, kept: int) -> None:
        retention = Retention(self.house.database, RetentionPolicy(events=kept, chunk=7))
        self.runner.run(retention.trim())

    @rule()
    def take_away_what_was_in_the_way(self) -> None:
        self.failures.clear()
        self.runner.run(self._retry_all())

    @precondition(lambda self: self.published)
    @rule()
    def all_is_delivered_in_the_end(self) -> None:
        """Each projection has every event once, in order but for what was parked; the reaction missed none."""
        self.runner.run(self._settle())
        everything = list(range(self.published))
        for subscriber, table in (("groups", "auth_group"), ("collections", "knowledge_collection")):
            names = query(self.settings, f"SELECT name FROM {table} ORDER BY id")
            rows = [int(str(row[0])) for row in names]
            parked = self._parked(subscriber)
            assert sorted(rows) == [number for number in everything if number not in parked]
            assert self._in_order_but_for(rows, subscriber)
        missed = set(everything) - set(self.reacted) - self._parked("reaction")
        assert not missed
        first_times = list(dict.fromkeys(self.reacted))
        assert self._in_order_but_for(first_times, "reaction")

    def teardown(self) -> None:
        self.runner.run(self._stop())
        self.runner.close()

    async def _start(self) -> None:
        self.house = House(self.settings, replace(FAST, stop_grace=20))
        self._subscribe(self.house.bus)
        self.house.database.start()
        await self.house.subscriptions.start()

    async def _stop(self) -> None:
        await self.house.subscriptions.stop()
        await self.house.database.stop()

    async def _settle(self) -> None:
        for subscriber in SUBSCRIBERS:
            await self.house.delivered(subscriber)
        wishes = "SELECT 1 FROM event_checkpoint WHERE replay_requested OR retry_requested"
        await until(lambda: not query(self.settings, wishes))
        for subscriber in SUBSCRIBERS:
            await self.house.delivered(subscriber)

    async def _retry_all(self) -> None:
        await self._settle()
        for parked in await self.house.parked():
            [event] = query(
                self.settings, f"SELECT payload FROM event_log WHERE position = {parked.position}"
            )
            self.late.add((parked.subscription, Counted.model_validate_json(str(event[0])).number))
            await self.house.events.retry(parked.id)
        await self._settle()
        assert await self.house.parked() == []

    def _subscribe(self, bus: EventBus) -> None:
        def note_as_collection(uow: UnitOfWork, event: Counted) -> None:
            self._fail("collections", event)
            uow.session.add(Collection(name=f"{event.number}", description="", created_at=utc_now()))

        def note(uow: UnitOfWork, event: Counted) -> None:
            note_as_group(uow, event)
            self._fail("groups", event)

        async def react(event: Counted) -> None:
            self._fail("reaction", event)
            self.reacted.append(event.number)

        bus.subscribe(Counted, note, name="groups", kind="projection")
        bus.rebuild_with(delete_groups, name="groups")
        bus.subscribe(Counted, note_as_collection, name="collections", kind="projection")
        bus.rebuild_with(
            lambda uow: uow.connection.exec_driver_sql("DELETE FROM knowledge_collection"), name="collections"
        )
        bus.subscribe(Counted, react, name="reaction", kind="reaction")

    def _fail(self, subscriber: str, event: Counted) -> None:
        if self.failures[subscriber, event.number] > 0:
            self.failures[subscriber, event.number] -= 1
            raise OSError(f"{subscriber} cannot take {event.number}")

    def _parked(self, subscriber: str) -> set[int]:
        found = query(
            self.settings,
            "SELECT payload FROM event_parked JOIN event_log USING (position) "
            f"WHERE subscription = '{subscriber}'",
        )
        return {Counted.model_validate_json(str(row[0])).number for row in found}

    def _in_order_but_for(self, numbers: list[int], subscriber: str) -> bool:
        """Whether the numbers grow, but for those that were parked once and taken later."""
        taken_later = {number for name, number in self.late if name == subscriber}
        kept = [number for number in numbers if number not in taken_later]
        return kept == sorted(kept)


def test_the_laws_of_delivery(settings: Settings) -> None:
    run_state_machine_as_test(
        lambda: Delivery(settings),
        settings=hypothesis.settings(max_examples=12, stateful_step_count=15, deadline=None),
    )
