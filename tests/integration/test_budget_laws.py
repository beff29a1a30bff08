"""The laws of budgets, whoever asks, settles, dies and changes limits, at once and in whichever order."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from src.domains.chat.services.allowances import DOLLAR, BudgetBook
from src.domains.chat.services.ceilings import Ceilings
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import Prompt, PromptMessage, Usage
from src.domains.chat.services.reservations import ReservationKeeper
from src.domains.chat.services.spending import Spending, SpendingPolicy
from src.domains.chat.services.standings import Amount, Hold, OverBudget
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.base import utc_now
from src.shared.events.chat import BudgetChanged
from src.shared.middleware.authentication import Principal
from tests.databases import execute, query
from tests.fakes import ScriptedModel

OFFER = Offer("priced", "", ScriptedModel(), 8_192, 500, price_in=3, price_out=15)
GROUPS = [uuid4(), uuid4()]
PEOPLE = [
    Principal(uuid4(), None, "user", groups)
    for groups in ((), (GROUPS[0],), (GROUPS[1], GROUPS[0]), (GROUPS[0], GROUPS[1]))
]
HOLDERS: list[tuple[Any, UUID | None]] = [
    ("default", None),
    ("platform", None),
    *(("group", each) for each in GROUPS),
    ("user", PEOPLE[0].user_id),
]
TOKENS = st.none() | st.sampled_from([0, 700, 3_000, 20_000])
COST = st.none() | st.sampled_from([0.0, 0.01, 0.05, 1.0])


@dataclass
class Open:
    """A call that is not settled, and the process that makes it."""

    hold: Hold
    process: "Process"


class Process:
    """What a server process has for budgets."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database(database_engine(settings.resolved_database_url, connections=5), list)
        self.book = BudgetBook(self.database, ZoneInfo("Asia/Seoul"))
        offers = Offers([OFFER], default="priced")
        policy = SpendingPolicy(lease=60, nearly_used=0.8)
        self.spending = Spending(self.database, self.book, Ceilings(offers, 0), policy)
        self.keeper = ReservationKeeper(self.database, self.spending, offers, lease=60)

    async def ask(self, person: Principal, words: int) -> Hold | None:
        prompt = Prompt((PromptMessage("user", "word " * words),), max_tokens=200)
        try:
            return await self.spending.reserve_call(person, OFFER, prompt)
        except OverBudget:
            return None


class Budgets(RuleBasedStateMachine):
    """Two processes on PostgreSQL, one on SQLite; the reference are sums of what was reserved and settled."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.runner = asyncio.Runner()
        self.open: list[Open] = []
        self.used: dict[str, Amount] = defaultdict(Amount)

    @initialize()
    def begin(self) -> None:
        for table in ("chat_budget_account", "chat_reservation", "event_log"):
            execute(self.settings, f"DELETE FROM {table}")
        self.processes = [Process(self.settings)]
        if self.processes[0].database.shared:
            self.processes.append(Process(self.settings))

        async def start() -> None:
            for each in self.processes:
                each.database.start()

        self.runner.run(start())

    @rule(
        holder=st.sampled_from(HOLDERS),
        day_tokens=TOKENS,
        day_cost=COST,
        month_tokens=TOKENS,
        month_cost=COST,
    )
    def set_a_budget(self, holder: tuple[Any, UUID | None], **limits: Any) -> None:
        scope, subject_id = holder
        event = BudgetChanged(user_id=uuid4(), scope=scope, subject_id=subject_id, **limits)
        for each in self.processes:
            self.runner.run(each.book.apply([event], 0))

    @rule(askers=st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 1_000)), min_size=1, max_size=12))
    def ask_at_once(self, askers: list[tuple[Principal, int]]) -> None:
        """What is admitted has room beside all that is used and reserved."""

        async def ask() -> list[tuple[Process, Hold | None]]:
            asked = [
                (self.processes[number % len(self.processes)], *asker) for number, asker in enumerate(askers)
            ]
            holds = await asyncio.gather(*(process.ask(person, words) for process, person, words in asked))
            return [(process, hold) for (process, *_), hold in zip(asked, holds, strict=True)]

        admitted = [(process, hold) for process, hold in self.runner.run(ask()) if hold]
        self.open += [Open(hold, process) for process, hold in admitted]
        reserved = self._reserved()
        for allowance in (each for _, hold in admitted for each in hold.allowances):
            taken = self.used[allowance.account] + reserved[allowance.account]
            assert allowance.limits.tokens is None or taken.tokens <= allowance.limits.tokens
            assert allowance.limits.cost is None or taken.cost <= allowance.limits.cost

    @rule(data=st.data(), more=st.integers(0, 500))
    def go_on(self, data: st.DataObject, more: int) -> None:
        """An answer that calls a tool needs more, and gets it or not."""
        if self.open:
            each = data.draw(st.sampled_from(self.open))
            prompt = Prompt((PromptMessage("user", "word " * more),), max_tokens=200)
            with suppress(OverBudget):
                self.runner.run(each.process.spending.cover(each.hold, Usage(50, 50, 0.001), OFFER, prompt))

    @rule(data=st.data(), share=st.floats(0, 1.3))
    def settle(self, data: st.DataObject, share: float) -> None:
        if self.open:
            each = data.draw(st.sampled_from(self.open))
            self.open.remove(each)
            tokens = round(each.hold.reserved.tokens * share)
            usage = Usage(tokens, 0, each.hold.reserved.cost * share / DOLLAR)
            self._settle(each, usage)
            for allowance in each.hold.allowances:
                self.used[allowance.account] += Amount.of(usage)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """Others settle what a process leaves, and only they, also when it was slow and comes back after all."""
        process = data.draw(st.sampled_from(self.processes))
        left = [each for each in self.open if each.process is process]
        self.open = [each for each in self.open if each.process is not process]
        for each in left:
            execute(
                self.settings,
                "UPDATE chat_reservation SET leased_until = '1970-01-01 00:00:00+00:00'"
                f" WHERE replace(CAST(id AS TEXT), '-', '') = '{each.hold.id.hex}'",
            )
        self.runner.run(self.processes[0].keeper._settle_abandoned(utc_now()))
        for each in left:
            self._settle(each, Usage(1_000, 1_000, 1.0))

    @invariant()
    def accounts_are_the_sums_of_what_was_reserved_and_used(self) -> None:
        reserved = self._reserved()
        rows = query(
            self.settings,
            "SELECT name, tokens_used, cost_used, tokens_reserved, cost_reserved FROM chat_budget_account",
        )
        for name, *amounts in rows:
            used, held = self.used[str(name)], reserved[str(name)]
            assert amounts == [used.tokens, used.cost, held.tokens, held.cost]
        [(reservations,)] = query(self.settings, "SELECT count(*) FROM chat_reservation")
        assert reservations == len(self.open)

    def teardown(self) -> None:
        async def stop() -> None:
            for each in self.processes:
                await each.database.stop()

        self.runner.run(stop())
        self.runner.close()

    def _settle(self, each: Open, usage: Usage) -> None:
        def settle(uow: UnitOfWork) -> None:
            each.process.spending.settle(uow, each.hold, usage)

        self.runner.run(each.process.database.write(settle, alone=True))

    def _reserved(self) -> dict[str, Amount]:
        reserved: dict[str, Amount] = defaultdict(Amount)
        for each in self.open:
            for allowance in each.hold.allowances:
                reserved[allowance.account] += each.hold.reserved
        return reserved


def test_the_laws_of_budgets(settings: Settings) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Budgets(settings),
        settings=hypothesis.settings(max_examples=8, stateful_step_count=25, deadline=None),
    )
