"""Which budgets apply to whom, kept in each process's memory, and the days and months that they are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from src.domains.chat.models import Budget
from src.domains.chat.repositories.budgets import BudgetRepository
from src.infrastructure.database.database import Database
from src.shared.events.base import DomainEvent, utc_now
from src.shared.events.chat import BudgetChanged, BudgetDeleted

Period = Literal["day", "month"]

DOLLAR = 1_000_000_000
"""What costs are counted in: billionths, so that sums are exact."""
NOBODY = UUID(int=0)
"""The subject of budgets that are for nobody in particular."""


@dataclass(frozen=True)
class Limits:
    """What may be used of tokens and of money (in billionths of a dollar); None is no limit."""

    tokens: int | None
    cost: int | None

    def __bool__(self) -> bool:
        return self.tokens is not None or self.cost is not None


@dataclass(frozen=True)
class Holding:
    """A budget's limits."""

    day: Limits
    month: Limits

    @classmethod
    def of(cls, budget: Budget) -> "Holding":
        return cls(Limits(budget.day_tokens, budget.day_cost), Limits(budget.month_tokens, budget.month_cost))


@dataclass(frozen=True)
class Allowance:
    """What somebody may use in the present day or month; `account` is where that is kept."""

    account: str
    scope: str
    subject_id: UUID
    period: Period
    resets_at: datetime
    limits: Limits


class BudgetBook:
    """All budgets, so that whoever has none pays nothing for there being some.

    Implements `Replica`: made from the budgets at start-up, it follows the log from there.
    """

    EVENTS = (BudgetChanged, BudgetDeleted)

    def __init__(self, database: Database, time_zone: ZoneInfo) -> None:
        self._database = database
        self._time_zone = time_zone
        self._holdings: dict[tuple[str, UUID], Holding] = {}

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        budgets = await self._database.read(lambda uow: BudgetRepository(uow).all())
        self._holdings = {(each.scope, each.subject_id): Holding.of(each) for each in budgets}

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        for event in events:
            match event:
                case BudgetChanged():
                    self._holdings[event.scope, event.subject_id or NOBODY] = _told(event)
                case BudgetDeleted():
                    self._holdings.pop((event.scope, event.subject_id or NOBODY), None)

    def allowances(self, user_id: UUID, group_ids: Sequence[UUID]) -> tuple[Allowance, ...]:
        """Return what limits a person now: their own budget or the default, their groups', the platform's."""
        if not self._holdings:
            return ()
        holders: list[tuple[str, UUID]] = [("platform", NOBODY), ("user", user_id)]
        holders += [("group", group_id) for group_id in group_ids]
        return self.allowances_of(holders)

    def allowances_of(self, holders: Sequence[tuple[str, UUID]]) -> tuple[Allowance, ...]:
        """Return what limits these now, in the order in which their accounts are locked."""
        today = utc_now().astimezone(self._time_zone).date()
        allowances = [
            allowance
            for scope, subject_id in holders
            if (holding := self._holding(scope, subject_id))
            for allowance in self._periods(scope, subject_id, holding, today)
        ]
        return tuple(sorted(allowances, key=lambda each: each.account))

    def _holding(self, scope: str, subject_id: UUID) -> Holding | None:
        """Return the limits of a user, a group or the platform; the default has none by itself."""
        own = self._holdings.get((scope, subject_id)) if scope != "default" else None
        return own or (self._holdings.get(("default", NOBODY)) if scope == "user" else None)

    def _periods(self, scope: str, subject_id: UUID, holding: Holding, today: date) -> Sequence[Allowance]:
        tomorrow = today + timedelta(days=1)
        next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        periods: Sequence[tuple[Period, Limits, str, date]] = (
            ("day", holding.day, f"{today:%Y-%m-%d}", tomorrow),
            ("month", holding.month, f"{today:%Y-%m}", next_month),
        )
        return [
            Allowance(f"{scope} {subject_id} {start}", scope, subject_id, period, self._midnight(end), limits)
            for period, limits, start, end in periods
            if limits
        ]

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self._time_zone)


def _told(event: BudgetChanged) -> Holding:
    return Holding(
        Limits(event.day_tokens, billionths(event.day_cost)),
        Limits(event.month_tokens, billionths(event.month_cost)),
    )


def billionths(cost: float | None) -> int | None:
    return None if cost is None else round(cost * DOLLAR)


def dollars(cost: int | None) -> float | None:
    return None if cost is None else cost / DOLLAR
