"""What the projection writes: turns, and the buckets that sum them up."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, text, update
from sqlalchemy.dialects.postgresql import insert

from src.domains.analytics.models import (
    EVERYBODY,
    ActivePerson,
    Bucket,
    Counted,
    LatencyBin,
    Session,
    Turn,
    TurnGroup,
    Usage,
)
from src.infrastructure.database.unit_of_work import UnitOfWork

TURNS = Turn.metadata.tables[Turn.__tablename__]
TURN_GROUPS = Turn.metadata.tables[TurnGroup.__tablename__]
TABLES = [
    Turn.metadata.tables[each.__tablename__]
    for each in (Usage, ActivePerson, LatencyBin, Bucket, Counted, Session, TurnGroup, Turn)
]

# What the projection does for every turn: statements built once, on the tables.
# PostgreSQL's form is SQLite's too. A question that is told once more changes nothing.
INSERT_TURN = insert(TURNS).on_conflict_do_nothing()
INSERT_TURN_GROUP = insert(TURN_GROUPS).on_conflict_do_nothing()
CHANGE_TURN = update(TURNS).where(TURNS.c.answer_id == bindparam("changed_id")).values(is_changed=True)
# Usage comes in parts, and in a batch in any order.
ADD_USAGE = CHANGE_TURN.values(
    tokens_in=TURNS.c.tokens_in + bindparam("more_in"),
    tokens_out=TURNS.c.tokens_out + bindparam("more_out"),
    cost=TURNS.c.cost + bindparam("more_cost"),
)
ABANDON_TURNS = (
    update(TURNS)
    .where(TURNS.c.session_id == bindparam("deleted_id"), TURNS.c.outcome == "pending")
    .values(is_changed=True)
)

FIGURES = {
    "messages": "CASE WHEN turn.is_again THEN 0 ELSE 1 END",
    "answers": "CASE WHEN turn.outcome = 'completed' THEN 1 ELSE 0 END",
    "grounded": "CASE WHEN turn.grounded THEN 1 ELSE 0 END",
    "sessions": "CASE WHEN opened.answer_id IS NULL THEN 0 ELSE 1 END",
    "blocked": "CASE WHEN turn.outcome = 'blocked' THEN 1 ELSE 0 END",
    "failed": "CASE WHEN turn.outcome = 'failed' THEN 1 ELSE 0 END",
    "feedback_up": "CASE WHEN turn.rating = 'up' THEN 1 ELSE 0 END",
    "feedback_down": "CASE WHEN turn.rating = 'down' THEN 1 ELSE 0 END",
    "tokens_in": "turn.tokens_in",
    "tokens_out": "turn.tokens_out",
    "cost": "turn.cost",
}
"""What a turn counts, as it is now."""
CHANGED = (
    " FROM analytics_turn AS turn"
    " LEFT JOIN analytics_session AS opened ON opened.answer_id = turn.answer_id"
    " LEFT JOIN analytics_counted AS counted ON counted.answer_id = turn.answer_id"
)
IN_GROUPS = (
    f"{CHANGED} JOIN analytics_turn_group AS member ON member.answer_id = turn.answer_id"
    " WHERE turn.is_changed"
)
_NAMES = ", ".join(FIGURES)
NO_MODEL = ""
"""What stands for the model of a turn that came to none."""


def _sum_into(table: str, keys: Mapping[str, str], figures: Mapping[str, str], condition: str = "") -> str:
    """Return a statement that adds what has changed to the rows of these keys."""
    sums = ", ".join(f"SUM({figure})" for figure in figures.values())
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in figures)
    grouped = ", ".join(each for each in keys.values() if not each.startswith("'"))
    return (
        f"INSERT INTO {table} ({', '.join((*keys, *figures))})"  # constants
        f" SELECT {', '.join(keys.values())}, {sums}{IN_GROUPS}{condition}"
        f" GROUP BY {grouped} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
    )


def _keys(grain: str) -> dict[str, str]:
    return {"grain": f"'{grain}'", "group_id": "member.group_id", "start": f"turn.{grain}"}


def _bucket(grain: str) -> str:
    more = {name: f"{figure} - COALESCE(counted.{name}, 0)" for name, figure in FIGURES.items()}
    return _sum_into("analytics_bucket", _keys(grain), more)


def _bins(grain: str, measure: str) -> str:
    keys = {**_keys(grain), "measure": f"'{measure}'", "bin": f"turn.{measure}_bin"}
    condition = f" AND turn.{measure}_bin IS NOT NULL AND NOT COALESCE(counted.is_timed, false)"
    return _sum_into("analytics_latency_bin", keys, {"turns": "1"}, condition)


def _people(grain: str) -> str:
    return (
        "INSERT INTO analytics_active_person (grain, group_id, start, user_id)"  # constants
        f" SELECT DISTINCT '{grain}', member.group_id, turn.{grain}, turn.user_id{IN_GROUPS}"
        " ON CONFLICT DO NOTHING"
    )


def _usage() -> str:
    """A turn is used up under its model, which is known when it is settled."""
    keys = {
        "group_id": "member.group_id",
        "day": "turn.day",
        "user_id": "turn.user_id",
        "model": f"COALESCE(turn.model, '{NO_MODEL}')",
        "profile_id": "turn.profile_id",
        "channel": "turn.channel",
    }
    more = {
        name: f"{figure} - CASE WHEN counted.is_settled THEN counted.{name} ELSE 0 END"
        for name, figure in FIGURES.items()
    }
    return _sum_into("analytics_usage", keys, more, " AND turn.outcome <> 'pending'")


OPEN_SESSIONS = text(
    "INSERT INTO analytics_session (session_id, answer_id)"
    " SELECT session_id, answer_id FROM ("
    "SELECT session_id, answer_id,"
    " ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY asked_at, answer_id) AS place"
    " FROM analytics_turn WHERE is_changed) AS asked WHERE place = 1"
    " ON CONFLICT DO NOTHING"
)
SUM_UP = [
    text(statement)
    for statement in (
        *map(_bucket, ("hour", "day")),
        *(_bins(grain, measure) for grain in ("hour", "day") for measure in ("first_token", "total")),
        *map(_people, ("hour", "day")),
        _usage(),
    )
]
REMEMBER = text(
    f"INSERT INTO analytics_counted (answer_id, {_NAMES}, is_timed, is_settled)"  # constants
    f" SELECT turn.answer_id, {', '.join(FIGURES.values())},"
    f" turn.total_bin IS NOT NULL, turn.outcome <> 'pending'{CHANGED}"
    " WHERE turn.is_changed ON CONFLICT (answer_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*FIGURES, "is_timed", "is_settled"))
)
SETTLE = text("UPDATE analytics_turn SET is_changed = false WHERE is_changed")


class TurnRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, values: Mapping[str, Any], group_ids: Sequence[UUID]) -> None:
        self._uow.defer(INSERT_TURN, {**values, "is_changed": True})
        for group_id in (EVERYBODY, *group_ids):
            self._uow.defer(INSERT_TURN_GROUP, {"answer_id": values["answer_id"], "group_id": group_id})

    def finish(self, answer_id: UUID, values: Mapping[str, Any]) -> None:
        """Set what became of an answer; one that was asked for before the log begins has no row."""
        self._uow.defer(CHANGE_TURN, {"changed_id": answer_id, **values})

    def add_usage(self, answer_id: UUID, tokens_in: int, tokens_out: int, cost: int) -> None:
        usage = {"more_in": tokens_in, "more_out": tokens_out, "more_cost": cost}
        self._uow.defer(ADD_USAGE, {"changed_id": answer_id, **usage})

    def abandon(self, session_id: UUID) -> None:
        self._uow.defer(ABANDON_TURNS, {"deleted_id": session_id, "outcome": "abandoned"})

    def rate(self, answer_id: UUID, rating: str | None) -> None:
        self._uow.defer(CHANGE_TURN, {"changed_id": answer_id, "rating": rating})

    def sum_up(self) -> None:
        """Bring the buckets up to date with all turns that have changed."""
        for statement in (OPEN_SESSIONS, *SUM_UP, REMEMBER, SETTLE):
            self._uow.connection.execute(statement)

    def delete_all(self) -> None:
        for table in TABLES:
            self._uow.connection.execute(delete(table))
