"""The unit of work: one transaction as a use case sees it."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Insert, Table, Update, func, select
from sqlalchemy.orm import Session

from src.shared.events.base import DomainEvent

T = TypeVar("T")


class NothingChanged(Exception):
    """A row that an update was meant for is not there, or not in the state it should be in."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A row of a statement that waits for the transaction's end."""

    statement: Insert | Update
    row: Mapping[str, Any]
    must_match: bool


class UnitOfWork:
    """One transaction as a use case sees it: a session for its repositories, and the events it records."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.deferred: list[Deferred] = []
        self.events: list[DomainEvent] = []
        self.redactions: list[UUID] = []

    @cached_property
    def session(self) -> Session:
        return Session(
            self.connection,
            expire_on_commit=False,
            autoflush=False,
            join_transaction_mode="rollback_only",
        )

    def defer(self, statement: Insert | Update, row: Mapping[str, Any], *, must_match: bool = False) -> None:
        """Run the statement with this row at the transaction's end, together with all rows deferred to it.

        A row costs a tenth of a statement of its own, and is not seen before the commit. Inserts run first,
        parents before children, then updates. `must_match` raises `NothingChanged` when a row met none.
        """
        self.deferred.append(Deferred(statement, row, must_match))

    def run_deferred(self) -> None:
        """Run what was deferred so far, for a statement that has to see it."""
        run_deferred(self.connection, self.deferred)
        self.deferred = []

    def record(self, event: DomainEvent) -> None:
        """Append the event to the log in this transaction; its subscribers hear of it after the commit."""
        self.events.append(event)

    def redact(self, subject_id: UUID) -> None:
        """Empty people's own text in the logged events about the subject, those of this commit included."""
        self.redactions.append(subject_id)

    def lock(self, name: str) -> None:
        """Let one unit of work at a time, of all server processes, pass from here to its commit.

        For what a constraint cannot say ("the last administrator stays"). SQLite has one writer anyway.
        """
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(select(func.pg_advisory_xact_lock(zlib.crc32(name.encode()))))

    def finish(self) -> None:
        """Send what the session still holds back."""
        if "session" in vars(self):
            self.session.flush()
            self.session.close()


def run_deferred(connection: Connection, deferred: Sequence[Deferred]) -> None:
    """Run the statements, each once with all of its rows."""
    groups: dict[tuple[Insert | Update, frozenset[str]], list[Deferred]] = {}
    for each in deferred:
        groups.setdefault((each.statement, frozenset(each.row)), []).append(each)
    for (statement, _columns), group in sorted(groups.items(), key=lambda item: _turn_of(item[0][0])):
        changed = connection.execute(statement, [each.row for each in group]).rowcount
        if group[0].must_match and changed != len(group):
            raise NothingChanged(f"{len(group) - changed} rows of {statement.table} were not as expected")


def _turn_of(statement: Insert | Update) -> tuple[bool, int]:
    """Order inserts before updates, and parents before children."""
    assert isinstance(statement.table, Table)  # noqa: S101  # no other is deferred
    return isinstance(statement, Update), _generation_of(statement.table)


@cache  # `sorted_tables` sorts anew each time, which takes as long as a statement
def _generation_of(table: Table) -> int:
    return table.metadata.sorted_tables.index(table)
