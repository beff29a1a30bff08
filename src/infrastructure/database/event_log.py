"""The event log: one row an event, in commit order, in the transaction of the change that it reports."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database.base import Base, domain_metadata
from src.shared.events.base import DomainEvent

CHANNEL = "event_log"
"""Where PostgreSQL's other processes hear that events were appended: `<publisher>:<names, by commas>`."""

APPENDING = 0x6576656E74  # "event"
"""The key of the lock that appends take one after another."""


class InfrastructureRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class LoggedEvent(InfrastructureRecord):
    """An event as it is kept; `payload` is its JSON. `position` grows with the order of commits, used once."""

    __tablename__ = "event_log"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # SQLAlchemy's own form

    position: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    name: Mapped[str]
    version: Mapped[int]
    occurred_at: Mapped[datetime]
    correlation_id: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    payload: Mapped[str] = mapped_column(Text)


class TrimmedLog(InfrastructureRecord):
    """Up to which position the log has been trimmed: one row, or none while it is whole."""

    __tablename__ = "event_trimmed"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    position: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it is read from the log."""

    position: int
    event_id: UUID
    name: str
    payload: str


EVENT_LOG = LoggedEvent.metadata.tables[LoggedEvent.__tablename__]
_COLUMNS = (EVENT_LOG.c.position, EVENT_LOG.c.event_id, EVENT_LOG.c.name, EVENT_LOG.c.payload)

_APPEND = insert(EVENT_LOG)
_HEAD = select(func.max(EVENT_LOG.c.position))
_READ = (
    select(*_COLUMNS)
    .where(
        EVENT_LOG.c.position > bindparam("after"), EVENT_LOG.c.name.in_(bindparam("names", expanding=True))
    )
    .order_by(EVENT_LOG.c.position)
    .limit(bindparam("most"))
)
_ANNOUNCE = text("SELECT pg_advisory_xact_lock(:lock), pg_notify(:channel, :told)")


def append(connection: Connection, events: Sequence[DomainEvent], publisher: str) -> None:
    """Write the events as the last step before the commit.

    PostgreSQL gives positions before commits, so a reader could step over one that is still open. The lock,
    held to the commit, makes the order of positions the order of commits; SQLite has one writer anyway.
    """
    if not events:
        return
    if connection.dialect.name == "postgresql":
        names = ",".join(sorted({event.name for event in events}))
        told = {"lock": APPENDING, "channel": CHANNEL, "told": f"{publisher}:{names}"}
        connection.execute(_ANNOUNCE, told)
    connection.execute(_APPEND, [_row(event) for event in events])


def read(connection: Connection, after: int, names: Collection[str], limit: int) -> list[EventRow]:
    """Return up to `limit` events of these names past the position, in order."""
    found = connection.execute(_READ, {"after": after, "names": list(names), "most": limit})
    return [EventRow(*row) for row in found]


def at(connection: Connection, position: int) -> EventRow | None:
    """Return the event at the position, None when it was trimmed."""
    row = connection.execute(select(*_COLUMNS).where(EVENT_LOG.c.position == position)).first()
    return EventRow(*row) if row else None


def head(connection: Connection) -> int:
    """Return the position of the newest event, 0 when there is none."""
    return connection.scalar(_HEAD) or trimmed_to(connection)


def trimmed_to(connection: Connection) -> int:
    """Return the position up to which the log was trimmed, 0 when it is whole."""
    return connection.scalar(select(func.max(TrimmedLog.position))) or 0


def redact(connection: Connection, subject_id: UUID) -> None:
    """Empty the personal fields of every event about the subject."""
    about = select(EVENT_LOG.c.position, EVENT_LOG.c.payload).where(EVENT_LOG.c.subject_id == subject_id)
    for position, payload in connection.execute(about).all():
        kept: dict[str, Any] = json.loads(payload)
        emptied = kept | {field: type(kept[field])() for field in kept.get("_personal", ())}
        at_position = update(EVENT_LOG).where(EVENT_LOG.c.position == position)
        connection.execute(at_position.values(payload=json.dumps(emptied, ensure_ascii=False)))


def trim(connection: Connection, up_to: int, keep: Iterable[int]) -> int:
    """Delete the events up to a position, but for those at the positions to keep; return how many there were."""
    deleted = connection.execute(
        delete(EVENT_LOG).where(EVENT_LOG.c.position <= up_to, EVENT_LOG.c.position.not_in(list(keep)))
    ).rowcount
    marked = connection.execute(update(TrimmedLog).values(position=up_to)).rowcount
    if not marked:
        connection.execute(insert(TrimmedLog).values(id=1, position=up_to))
    return deleted


def _row(event: DomainEvent) -> dict[str, Any]:
    payload = event.model_dump_json()
    if event.personal:
        # The log may meet an event whose class is long gone: what redaction empties stands in the row.
        payload = f'{payload[:-1]},"_personal":{json.dumps(sorted(event.personal))}}}'
    return {
        "event_id": event.event_id,
        "name": event.name,
        "version": event.version,
        "occurred_at": event.occurred_at,
        "correlation_id": event.correlation_id,
        "subject_id": getattr(event, event.subject) if event.subject else None,
        "payload": payload,
    }
