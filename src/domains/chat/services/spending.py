"""What models may use: the most that a call can take is reserved before it, and settled by what it took.

A call is let through while, in every account that it counts in, what is used and what is reserved leave room for
all that it may take. So however many ask at once, together they are never promised more than there is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from uuid_utils.compat import uuid7

from src.domains.chat.repositories.spending import SpendingRepository
from src.domains.chat.services.allowances import Allowance, BudgetBook
from src.domains.chat.services.ceilings import Ceilings
from src.domains.chat.services.offers import Offer
from src.domains.chat.services.ports import Prompt, Usage
from src.domains.chat.services.standings import Amount, Hold, OverBudget, Standing
from src.domains.chat.services.turn import Ask, Place
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import BudgetExceeded, BudgetNearlyUsed
from src.shared.middleware.authentication import Principal

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SpendingPolicy:
    """Seconds that a process may be silent about what it has reserved; the share from which little is left."""

    lease: float
    nearly_used: float


class Spending:
    """Reserves and settles, within the units of work of those who call models.

    Where no budget applies nothing is asked of the database. Accounts are locked in the order of their names, in
    units of work that run alone: other processes want the same rows, and a group would lock them in any order.
    SQLite locks no rows, so there they run with the group, which costs a third of it.
    """

    def __init__(
        self, database: Database, book: BudgetBook, ceilings: Ceilings, policy: SpendingPolicy
    ) -> None:
        self._database = database
        self._book = book
        self._ceilings = ceilings
        self._policy = policy
        self.held: set[UUID] = set()
        """Reservations that this process has yet to settle."""

    def runs_alone(self, asker: Principal) -> bool:
        """Tell whether a unit of work that calls models for them has to."""
        return self._database.shared and bool(self._book.allowances(asker.user_id, asker.group_ids))

    def leased_until(self) -> datetime:
        return utc_now() + timedelta(seconds=self._policy.lease)

    def reserve_answer(self, uow: UnitOfWork, ask: Ask, place: Place) -> Hold | None:
        """Reserve what an answer may take; raise `OverBudget` when less is left, None where no budget applies."""
        allowances = self._book.allowances(ask.asker.user_id, ask.asker.group_ids)
        if not allowances:
            return None
        ceiling = self._ceilings.of_answer(ask, place)
        hold = Hold(place.answer_id, ask.asker.user_id, allowances, Amount.of(ceiling))
        self._reserve(uow, hold, place.offer, ceiling, message_id=place.answer_id)
        return hold

    async def reserve_call(self, asker: Principal, offer: Offer, prompt: Prompt) -> Hold | None:
        """Reserve what a call beside an answer may take; raise `OverBudget`, None where no budget applies."""
        allowances = self._book.allowances(asker.user_id, asker.group_ids)
        if not allowances:
            return None
        ceiling = self._ceilings.of_call(offer, prompt)
        hold = Hold(uuid7(), asker.user_id, allowances, Amount.of(ceiling))
        await self._write(lambda uow: self._reserve(uow, hold, offer, ceiling, message_id=None), hold.user_id)
        self.held.add(hold.id)
        return hold

    async def cover(self, hold: Hold, spent: Usage, offer: Offer, prompt: Prompt) -> None:
        """See to it that what is reserved covers what was spent and one more call; raise `OverBudget`."""
        needed = Amount.of(spent) + Amount.of(self._ceilings.of_call(offer, prompt))
        if (amount := hold.reserved.at_least(needed)) != hold.reserved:
            await self._write(lambda uow: _raise(uow, hold, amount), hold.user_id)
            hold.reserved = amount

    def _reserve(
        self, uow: UnitOfWork, hold: Hold, offer: Offer, ceiling: Usage, *, message_id: UUID | None
    ) -> None:
        _take(uow, hold.allowances, hold.reserved)
        SpendingRepository(uow).reserve(
            {
                "id": hold.id,
                "message_id": message_id,
                "model": offer.name,
                "accounts": [each.account for each in hold.allowances],
                "tokens": hold.reserved.tokens,
                "tokens_in": ceiling.tokens_in,
                "cost": hold.reserved.cost,
                "leased_until": self.leased_until(),
            }
        )

    async def _write(self, work: Callable[[UnitOfWork], None], user_id: UUID) -> None:
        try:
            await self._database.write(work, alone=self._database.shared)
        except OverBudget as refusal:
            await self.tell(refusal, user_id)
            raise

    def settle(self, uow: UnitOfWork, hold: Hold, usage: Usage) -> Standing | None:
        """Put what was used in the place of what was reserved, and tell of budgets of which little is left.

        Returns the standing with the least left; None when another process has settled it already.
        """
        spending = SpendingRepository(uow)
        reservation = spending.take(hold.id)
        if reservation is None:
            return None
        accounts = settled_accounts(spending, [(reservation, usage)])
        standings = [
            Standing.of(each, accounts[each.account]) for each in hold.allowances if each.account in accounts
        ]
        for standing in standings:
            account = accounts[standing.allowance.account]
            if standing.share_used >= self._policy.nearly_used and not account["told_nearly_used"]:
                account["told_nearly_used"] = True
                uow.record(BudgetNearlyUsed(user_id=hold.user_id, **standing.told))
        spending.change(list(accounts.values()))
        return max(standings, key=lambda each: each.share_used, default=None)

    async def settle_alone(self, hold: Hold, usage: Usage) -> None:
        """Settle what an answer took that nobody can be shown any more."""
        try:
            await self._database.write(lambda uow: self.settle(uow, hold, usage), alone=self._database.shared)
        except Exception:  # its lease ends, and it is settled then
            log.exception("reservation_not_settled", reservation_id=str(hold.id))

    async def tell(self, refusal: OverBudget, user_id: UUID) -> None:
        """Tell that a call was refused; what it was refused in is undone."""
        event = BudgetExceeded(user_id=user_id, **refusal.standing.told)

        def tell(uow: UnitOfWork) -> None:
            uow.record(event)

        await self._database.write(tell)


def settled_accounts(
    spending: SpendingRepository, settled: Sequence[tuple[RowMapping, Usage]]
) -> dict[str, dict[str, Any]]:
    """Return the accounts of reservations that were deleted, as they are to be."""
    names = {name for reservation, _ in settled for name in reservation["accounts"]}
    accounts = spending.lock(names)
    for reservation, usage in settled:
        used = Amount.of(usage)
        for account in (accounts[name] for name in reservation["accounts"] if name in accounts):
            account["tokens_reserved"] -= reservation["tokens"]
            account["cost_reserved"] -= reservation["cost"]
            account["tokens_used"] += used.tokens
            account["cost_used"] += used.cost
    return accounts


def _raise(uow: UnitOfWork, hold: Hold, amount: Amount) -> None:
    """Reserve so much in all. When its lease has ended meanwhile it is settled, and there is nothing to raise."""
    spending = SpendingRepository(uow)
    if reservation := spending.reservation(hold.id):
        _take(uow, hold.allowances, amount - Amount(reservation["tokens"], reservation["cost"]))
        spending.change_reservation(hold.id, {"tokens": amount.tokens, "cost": amount.cost})


def _take(uow: UnitOfWork, allowances: Sequence[Allowance], more: Amount) -> None:
    spending = SpendingRepository(uow)
    ends = {each.account: each.resets_at for each in allowances}
    # Before any is locked: an account that is made is locked, too, and all are to be in one order.
    if missing := ends.keys() - spending.find(ends).keys():
        spending.open({name: ends[name] for name in missing})
    accounts = spending.lock(ends)
    standings = [Standing.of(each, accounts[each.account]) for each in allowances]
    if lacking := [each for each in standings if each.lacks(more)]:
        last = max(lacking, key=lambda each: each.allowance.resets_at)
        raise OverBudget(last, more, last.lacks(more) or "tokens")
    changed = []
    for standing in standings:
        reserved = standing.reserved + more
        account = accounts[standing.allowance.account]
        changed.append(account | {"tokens_reserved": reserved.tokens, "cost_reserved": reserved.cost})
    spending.change(changed)
