"""Named queries of analytics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, delete, distinct, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from src.domains.analytics.models import Turn, TurnGroup
from src.infrastructure.database.unit_of_work import UnitOfWork

TURNS = Turn.metadata.tables[Turn.__tablename__]
TURN_GROUPS = Turn.metadata.tables[TurnGroup.__tablename__]

# What the projection does for every turn: statements built once, on the tables.
INSERT_TURN = insert(TURNS)
INSERT_TURN_GROUP = insert(TURN_GROUPS)
CHANGE_TURN = update(TURNS).where(TURNS.c.answer_id == bindparam("changed_id"))
# Usage comes in parts, and in a batch in any order.
ADD_USAGE = CHANGE_TURN.values(
    tokens_in=TURNS.c.tokens_in + bindparam("more_in"),
    tokens_out=TURNS.c.tokens_out + bindparam("more_out"),
    cost=TURNS.c.cost + bindparam("more_cost"),
)
ABANDON_TURNS = update(TURNS).where(
    TURNS.c.session_id == bindparam("deleted_id"), TURNS.c.outcome == "pending"
)


@dataclass(frozen=True)
class TurnFilter:
    """Which turns count: asked from `start` on and before `end`, by members of `group_id` if given."""

    start: datetime
    end: datetime
    group_id: UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = [Turn.asked_at >= self.start, Turn.asked_at < self.end]
        if self.group_id:
            members = select(TurnGroup.answer_id).where(TurnGroup.group_id == self.group_id)
            conditions.append(Turn.answer_id.in_(members))
        return conditions


@dataclass(frozen=True)
class Totals:
    """Counts over the turns of a range; `cost` in US dollars."""

    messages: int
    answers: int
    sessions: int
    active_users: int
    grounded: int
    tokens_in: int
    tokens_out: int
    cost: float
    feedback_up: int
    feedback_down: int
    blocked: int
    failed: int


@dataclass(frozen=True)
class Day:
    """Counts of one day."""

    at: date
    messages: int
    answers: int
    active_users: int
    cost: float


class TurnRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, values: Mapping[str, Any], group_ids: Sequence[UUID]) -> None:
        self._uow.defer(INSERT_TURN, values)
        for group_id in group_ids:
            self._uow.defer(INSERT_TURN_GROUP, {"answer_id": values["answer_id"], "group_id": group_id})

    def finish(self, answer_id: UUID, values: Mapping[str, Any]) -> None:
        """Set what became of an answer; one that was asked for before the log begins has no row."""
        self._uow.defer(CHANGE_TURN, {"changed_id": answer_id, **values})

    def add_usage(self, answer_id: UUID, tokens_in: int, tokens_out: int, cost: float) -> None:
        usage = {"more_in": tokens_in, "more_out": tokens_out, "more_cost": cost}
        self._uow.defer(ADD_USAGE, {"changed_id": answer_id, **usage})

    def abandon(self, session_id: UUID) -> None:
        self._uow.defer(ABANDON_TURNS, {"deleted_id": session_id, "outcome": "abandoned"})

    def rate(self, answer_id: UUID, rating: str | None) -> None:
        self._uow.defer(CHANGE_TURN, {"changed_id": answer_id, "rating": rating})

    def delete_all(self) -> None:
        for table in (TURN_GROUPS, TURNS):
            self._uow.connection.execute(delete(table))

    def totals(self, wanted: TurnFilter) -> Totals:
        query = select(
            _count(Turn.is_again.is_(False)).label("messages"),
            _count(Turn.outcome == "completed").label("answers"),
            func.count(distinct(Turn.session_id)).label("sessions"),
            func.count(distinct(Turn.user_id)).label("active_users"),
            _count(Turn.grounded.is_(True)).label("grounded"),
            func.coalesce(func.sum(Turn.tokens_in), 0).label("tokens_in"),
            func.coalesce(func.sum(Turn.tokens_out), 0).label("tokens_out"),
            func.coalesce(func.sum(Turn.cost), 0.0).label("cost"),
            _count(Turn.rating == "up").label("feedback_up"),
            _count(Turn.rating == "down").label("feedback_down"),
            _count(Turn.outcome == "blocked").label("blocked"),
            _count(Turn.outcome == "failed").label("failed"),
        ).where(*wanted.conditions())
        return Totals(**self._uow.session.execute(query).mappings().one())

    def days(self, wanted: TurnFilter) -> list[Day]:
        query = select(
            Turn.day.label("at"),
            _count(Turn.is_again.is_(False)).label("messages"),
            _count(Turn.outcome == "completed").label("answers"),
            func.count(distinct(Turn.user_id)).label("active_users"),
            func.sum(Turn.cost).label("cost"),
        ).where(*wanted.conditions())
        days = self._uow.session.execute(query.group_by(Turn.day).order_by(Turn.day))
        return [Day(**row) for row in days.mappings()]

    def quantile(
        self, wanted: TurnFilter, column: InstrumentedAttribute[int | None], fraction: float
    ) -> int | None:
        """Return the nearest-rank quantile of a column over the turns that have it, None when none has."""
        conditions = [*wanted.conditions(), column.is_not(None)]
        count = self._uow.session.scalar(select(func.count()).select_from(Turn).where(*conditions)) or 0
        rank = max(math.ceil(fraction * count) - 1, 0)
        return self._uow.session.scalar(
            select(column).where(*conditions).order_by(column).offset(rank).limit(1)
        )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))
