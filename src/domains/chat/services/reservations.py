"""Reservations have a lease: what a process that is gone has left is settled by others."""

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import RowMapping

from src.domains.chat.repositories.spending import SpendingRepository
from src.domains.chat.services.offers import Offers
from src.domains.chat.services.ports import Usage
from src.domains.chat.services.spending import Spending, settled_accounts
from src.domains.chat.services.tokens import estimated_tokens
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now

log = structlog.get_logger(__name__)

AT_ONCE = 100


class ReservationKeeper:
    """Prolongs the leases of this process's reservations, and settles those whose lease has ended.

    On SQLite all that are there at the start were left by the server before.
    """

    def __init__(self, database: Database, spending: Spending, offers: Offers, lease: float) -> None:
        self._database = database
        self._spending = spending
        self._offers = offers
        self._lease = lease
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._settle_abandoned(utc_now() if self._database.shared else None)
        self._task = asyncio.create_task(self._keep(), name="reservations")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await self._prolong()
                await self._settle_abandoned(utc_now())
            except Exception:
                log.exception("reservations_not_kept")

    async def _prolong(self) -> None:
        if held := list(self._spending.held):
            until = self._spending.leased_until()
            await self._database.write(lambda uow: SpendingRepository(uow).prolong(held, until), alone=True)

    async def _settle_abandoned(self, before: datetime | None) -> None:
        while await self._database.write(lambda uow: self._settle_some(uow, before), alone=True) == AT_ONCE:
            pass

    def _settle_some(self, uow: UnitOfWork, before: datetime | None) -> int:
        spending = SpendingRepository(uow)
        abandoned = spending.abandoned(before, AT_ONCE)
        if abandoned:
            spending.delete([reservation["id"] for reservation, _ in abandoned])
            settled = [(reservation, self._usage(reservation, said)) for reservation, said in abandoned]
            spending.change(list(settled_accounts(spending, settled).values()))
        return len(abandoned)

    def _usage(self, reservation: RowMapping, said: str | None) -> Usage:
        """Estimate what was used: what the model was given, if it has said anything, and that."""
        if not said:
            return Usage()
        usage = Usage(reservation["tokens_in"], estimated_tokens(said))
        model = reservation["model"]
        return self._offers.get(model).priced(usage) if model in self._offers else usage
