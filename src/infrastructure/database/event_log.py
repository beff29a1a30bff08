"""The event log: one row an event, in commit order, in the transaction of the change that it reports."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Connection, Integer, Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from src.infrastructure.database.base import Base, domain_metadata
from src.shared.events.base import DomainEvent


class InfrastructureRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class LoggedEvent(InfrastructureRecord):
    """An event as it is kept. `position` grows with the order of commits and is never used twice."""

    __tablename__ = "event_log"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # SQLAlchemy's own form

    position: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    name: Mapped[str]
    version: Mapped[int]
    occurred_at: Mapped[datetime]
    correlation_id: Mapped[str]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)


EVENT_LOG = LoggedEvent.metadata.tables[LoggedEvent.__tablename__]

APPEND = insert(EVENT_LOG)
HEAD = select(func.max(EVENT_LOG.c.position))
READ = (
    select(EVENT_LOG)
    .where(
        EVENT_LOG.c.position > bindparam("after"), EVENT_LOG.c.name.in_(bindparam("names", expanding=True))
    )
    .order_by(EVENT_LOG.c.position)
    .limit(bindparam("most"))
)


def append(connection: Connection, events: Sequence[DomainEvent]) -> None:
    if events:
        connection.execute(APPEND, [_row(event) for event in events])


def read(session: Session, after: int, names: Collection[str], limit: int) -> Sequence[Row[Any]]:
    """Return up to `limit` rows of the log past the position with events of these names, in order."""
    wanted = {"after": after, "names": list(names), "most": limit}
    return session.connection().execute(READ, wanted).all()


def head(session: Session) -> int:
    """Return the position of the newest event, 0 when there is none."""
    return session.connection().scalar(HEAD) or 0


def redact(connection: Connection, subject_id: UUID) -> None:
    """Empty the personal fields of every event about the subject."""
    about = select(LoggedEvent.position, LoggedEvent.payload).where(LoggedEvent.subject_id == subject_id)
    for position, payload in connection.execute(about).all():
        emptied = payload | {field: type(payload[field])() for field in payload.get("_personal", ())}
        connection.execute(
            update(LoggedEvent).where(LoggedEvent.position == position).values(payload=emptied)
        )


def _row(event: DomainEvent) -> dict[str, Any]:
    body = event.model_dump(mode="json")
    return {
        "event_id": event.event_id,
        "name": event.name,
        "version": event.version,
        "occurred_at": event.occurred_at,
        "correlation_id": event.correlation_id,
        "subject_id": getattr(event, event.subject) if event.subject else None,
        "payload": body | ({"_personal": sorted(event.personal)} if event.personal else {}),
    }
