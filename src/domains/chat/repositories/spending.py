"""Named queries of what is used of budgets, and of what is reserved."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, delete, insert, select, text, update

from src.domains.chat.models import BudgetAccount, Message, Reservation
from src.infrastructure.database.unit_of_work import UnitOfWork

ACCOUNTS = BudgetAccount.metadata.tables[BudgetAccount.__tablename__]
RESERVATIONS = Reservation.metadata.tables[Reservation.__tablename__]
MESSAGES = Message.metadata.tables[Message.__tablename__]

FIND_ACCOUNTS = select(ACCOUNTS).where(ACCOUNTS.c.name.in_(bindparam("names", expanding=True)))
LOCK_ACCOUNTS = FIND_ACCOUNTS.order_by(ACCOUNTS.c.name).with_for_update()
# Another process may be opening the same ones: in this order, so that neither waits for the other.
OPEN_ACCOUNT = text(
    "INSERT INTO chat_budget_account"
    " (name, ends_at, tokens_used, cost_used, tokens_reserved, cost_reserved, told_nearly_used)"
    " VALUES (:name, :ends_at, 0, 0, 0, 0, false) ON CONFLICT DO NOTHING"
).bindparams(bindparam("ends_at", type_=ACCOUNTS.c.ends_at.type))
CHANGING = ("tokens_used", "cost_used", "tokens_reserved", "cost_reserved", "told_nearly_used")
CHANGE_ACCOUNT = update(ACCOUNTS).where(ACCOUNTS.c.name == bindparam("account"))
INSERT_RESERVATION = insert(RESERVATIONS)
CHANGE_RESERVATION = update(RESERVATIONS).where(RESERVATIONS.c.id == bindparam("reservation_id"))
TAKE_RESERVATION = delete(RESERVATIONS).where(RESERVATIONS.c.id == bindparam("id")).returning(RESERVATIONS)
LOCK_RESERVATION = select(RESERVATIONS).where(RESERVATIONS.c.id == bindparam("id")).with_for_update()


class SpendingRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    # Accounts

    def find(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the accounts as they are, those that there are, by name."""
        rows = self._uow.connection.execute(FIND_ACCOUNTS, {"names": list(names)})
        return {row.name: row._asdict() for row in rows}

    def lock(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the accounts, those that there are, by name; nobody else changes them until the commit."""
        rows = self._uow.connection.execute(LOCK_ACCOUNTS, {"names": list(names)})
        return {row.name: row._asdict() for row in rows}

    def open(self, ends: Mapping[str, datetime]) -> None:
        """Make accounts, unless they are there by now."""
        rows = [{"name": name, "ends_at": ends[name]} for name in sorted(ends)]
        self._uow.connection.execute(OPEN_ACCOUNT, rows)

    def change(self, accounts: Sequence[Mapping[str, Any]]) -> None:
        """Save what accounts have come to; whoever comes next sees it, also within this transaction."""
        rows = [{"account": row["name"], **{name: row[name] for name in CHANGING}} for row in accounts]
        self._uow.connection.execute(CHANGE_ACCOUNT, sorted(rows, key=lambda row: row["account"]))

    def delete_ended(self, before: datetime, limit: int) -> int:
        """Delete accounts of days and months that ended before the moment; return how many."""
        ended = select(ACCOUNTS.c.name).where(ACCOUNTS.c.ends_at < before).limit(limit)
        return self._uow.connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.name.in_(ended))).rowcount

    # Reservations

    def reserve(self, values: Mapping[str, Any]) -> None:
        self._uow.defer(INSERT_RESERVATION, values)

    def reservation(self, reservation_id: UUID) -> RowMapping | None:
        """Return a reservation, which stays until the commit."""
        return self._uow.connection.execute(LOCK_RESERVATION, {"id": reservation_id}).mappings().first()

    def change_reservation(self, reservation_id: UUID, values: Mapping[str, Any]) -> None:
        self._uow.connection.execute(CHANGE_RESERVATION, {"reservation_id": reservation_id, **values})

    def take(self, reservation_id: UUID) -> RowMapping | None:
        """Delete a reservation and return it; None when somebody else has."""
        return self._uow.connection.execute(TAKE_RESERVATION, {"id": reservation_id}).mappings().first()

    def delete(self, reservation_ids: Collection[UUID]) -> None:
        self._uow.connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.id.in_(reservation_ids)))

    def prolong(self, reservation_ids: Collection[UUID], until: datetime) -> None:
        held = RESERVATIONS.c.id.in_(reservation_ids)
        self._uow.connection.execute(update(RESERVATIONS).where(held).values(leased_until=until))

    def abandoned(self, before: datetime | None, limit: int) -> Sequence[tuple[RowMapping, str | None]]:
        """Return reservations whose lease ended before the moment, all without one, with what was answered."""
        query = select(RESERVATIONS, MESSAGES.c.content).join(
            MESSAGES, RESERVATIONS.c.message_id == MESSAGES.c.id, isouter=True
        )
        query = query.order_by(RESERVATIONS.c.id).limit(limit)
        query = query.where(RESERVATIONS.c.leased_until < before) if before else query
        query = query.with_for_update(of=RESERVATIONS, skip_locked=True)
        rows = self._uow.connection.execute(query).mappings().all()
        return [(row, row["content"]) for row in rows]
