"""Budgets as administrators set them, and as people see them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

from src.domains.chat.models import Budget, BudgetScope
from src.domains.chat.repositories.budgets import BudgetRepository
from src.domains.chat.repositories.spending import SpendingRepository
from src.domains.chat.services.allowances import NOBODY, Allowance, BudgetBook, dollars
from src.domains.chat.services.standings import Standing
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import BudgetChanged, BudgetDeleted, BudgetFacts
from src.shared.exceptions.errors import Conflict, NotFound
from src.shared.middleware.authentication import Principal

BUDGETS = "chat.budgets"
"""The lock of those who decide by what budgets there are."""
MOST_BUDGETS = 10_000


class UnknownBudget(NotFound):
    code = "unknown_budget"


class TooManyBudgets(Conflict):
    code = "too_many_budgets"


class BudgetLimits(TypedDict):
    """All limits of a budget; None is none, costs are in billionths of a US dollar."""

    day_tokens: int | None
    day_cost: int | None
    month_tokens: int | None
    month_cost: int | None


@dataclass(frozen=True)
class KnownBudget:
    """A budget, and how those stand who have it; the default one is everybody's by themselves."""

    budget: Budget
    standings: Sequence[Standing]


class BudgetService:
    """A change holds at once in this process, and within a second in the others."""

    def __init__(
        self, database: Database, book: BudgetBook, book_is_current: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._book = book
        self._book_is_current = book_is_current

    async def mine(self, asker: Principal) -> Sequence[Standing]:
        """Return how a person stands with every budget that applies to them."""
        return await self._standings(self._book.allowances(asker.user_id, asker.group_ids))

    async def page(self, after: UUID | None, limit: int) -> Sequence[KnownBudget]:
        budgets = await self._database.read(lambda uow: BudgetRepository(uow).page(after, limit))
        holders = [(each.scope, each.subject_id) for each in budgets]
        standings = await self._standings(self._book.allowances_of(holders))
        return [
            KnownBudget(budget, [each for each in standings if _is_of(each.allowance, budget)])
            for budget in budgets
        ]

    async def get(self, scope: BudgetScope, subject_id: UUID = NOBODY) -> KnownBudget:
        """Return a budget; for a user without one of their own the default, with what they have used of it."""

        def find(uow: UnitOfWork) -> Budget:
            budgets = BudgetRepository(uow)
            own = budgets.find(scope, subject_id)
            default = budgets.find("default", NOBODY) if scope == "user" else None
            return _known(own or default)

        budget = await self._database.read(find)
        return KnownBudget(budget, await self._standings(self._book.allowances_of([(scope, subject_id)])))

    async def set(
        self, admin: Principal, limits: BudgetLimits, scope: BudgetScope, subject_id: UUID = NOBODY
    ) -> KnownBudget:
        """Set all limits. What is in the making goes on; whoever is over a new limit is refused at once."""

        def change(uow: UnitOfWork) -> None:
            uow.lock(BUDGETS)
            budgets = BudgetRepository(uow)
            budget = budgets.find(scope, subject_id)
            before = _facts(budget) if budget else None
            if budget is None:
                if budgets.count() >= MOST_BUDGETS:
                    raise TooManyBudgets(f"There are {MOST_BUDGETS:,} budgets, and there can be no more.")
                budget = Budget(scope=scope, subject_id=subject_id)
            for name, value in limits.items():
                setattr(budget, name, value)
            budget.updated_at = utc_now()
            budgets.add(budget)
            uow.record(_event(admin, budget, before))

        await self._database.write(change, alone=True)
        await self._book_is_current()
        return await self.get(scope, subject_id)

    async def delete(self, admin: Principal, scope: BudgetScope, subject_id: UUID = NOBODY) -> None:
        """Take a budget away; a user has the default one from then on, with what they have used meanwhile."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(BUDGETS)
            _delete(uow, _known(BudgetRepository(uow).find(scope, subject_id)), admin.user_id)

        await self._database.write(delete, alone=True)
        await self._book_is_current()

    async def delete_of_group(self, group_id: UUID) -> None:
        """Take away the budget of a group that is gone, if it had one."""

        def delete(uow: UnitOfWork) -> None:
            uow.lock(BUDGETS)
            if budget := BudgetRepository(uow).find("group", group_id):
                _delete(uow, budget, None)

        await self._database.write(delete, alone=True)

    async def _standings(self, allowances: Sequence[Allowance]) -> Sequence[Standing]:
        if not allowances:
            return ()
        names = [each.account for each in allowances]
        accounts = await self._database.read(lambda uow: SpendingRepository(uow).find(names))
        return [Standing.of(each, accounts.get(each.account)) for each in allowances]


def _known(budget: Budget | None) -> Budget:
    if budget is None:
        raise UnknownBudget("There is no such budget.")
    return budget


def _is_of(allowance: Allowance, budget: Budget) -> bool:
    return (allowance.scope, allowance.subject_id) == (budget.scope, budget.subject_id)


def _delete(uow: UnitOfWork, budget: Budget, admin_id: UUID | None) -> None:
    BudgetRepository(uow).delete(budget)
    uow.record(
        BudgetDeleted(
            user_id=admin_id, scope=budget.scope, subject_id=_subject(budget), before=_facts(budget)
        )
    )


def _event(admin: Principal, budget: Budget, before: BudgetFacts | None) -> BudgetChanged:
    return BudgetChanged(
        user_id=admin.user_id,
        scope=budget.scope,
        subject_id=_subject(budget),
        before=before,
        **_facts(budget).model_dump(),
    )


def _subject(budget: Budget) -> UUID | None:
    return None if budget.subject_id == NOBODY else budget.subject_id


def _facts(budget: Budget) -> BudgetFacts:
    return BudgetFacts(
        day_tokens=budget.day_tokens,
        day_cost=dollars(budget.day_cost),
        month_tokens=budget.month_tokens,
        month_cost=dollars(budget.month_cost),
    )
