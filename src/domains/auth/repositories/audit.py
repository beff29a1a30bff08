"""Named queries of the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select

from src.domains.auth.models import AuditAnchor, AuditEntry
from src.infrastructure.database.unit_of_work import UnitOfWork

ENTRIES = AuditEntry.metadata.tables[AuditEntry.__tablename__]


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted: from `start` on and before `end`, by this actor, of this action."""

    start: datetime | None = None
    end: datetime | None = None
    actor_id: UUID | None = None
    action: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = []
        if self.start:
            conditions.append(AuditEntry.occurred_at >= self.start)
        if self.end:
            conditions.append(AuditEntry.occurred_at < self.end)
        if self.actor_id:
            conditions.append(AuditEntry.actor_id == self.actor_id)
        if self.action:
            conditions.append(AuditEntry.action == self.action)
        return conditions


EVERYTHING = AuditFilter()


@dataclass(frozen=True)
class Link:
    """A link of the chain: an entry's number and its hash."""

    number: int
    hash: bytes


class AuditRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, values: Mapping[str, Any]) -> None:
        self._uow.connection.execute(insert(ENTRIES), dict(values))

    def newest(self) -> Link | None:
        query = select(ENTRIES.c.number, ENTRIES.c.hash).order_by(ENTRIES.c.number.desc()).limit(1)
        row = self._uow.connection.execute(query).first()
        return Link(*row) if row else None

    def anchor(self) -> Link | None:
        row = self._uow.connection.execute(select(AuditAnchor.number, AuditAnchor.hash)).first()
        return Link(*row) if row else None

    def page(self, wanted: AuditFilter, before: UUID | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries, newest first, from the one on that follows the event `before`."""
        query = select(AuditEntry).where(*wanted.conditions()).order_by(AuditEntry.number.desc()).limit(limit)
        if before:
            number = select(AuditEntry.number).where(AuditEntry.event_id == before).scalar_subquery()
            query = query.where(AuditEntry.number < number)
        return self._uow.session.scalars(query).all()

    def after(
        self, number: int, limit: int, wanted: AuditFilter = AuditFilter()
    ) -> Sequence[AuditEntry]:  # frozen
        """Return entries in their order, from the one behind this number on."""
        query = select(AuditEntry).where(AuditEntry.number > number, *wanted.conditions())
        return self._uow.session.scalars(query.order_by(AuditEntry.number).limit(limit)).all()

    def last_before(self, moment: datetime, most: int) -> Link | None:
        """Return the last of the oldest `most` entries before the first one that is of this moment or later."""
        oldest = self._uow.session.scalar(select(func.min(AuditEntry.number))) or 0
        young = select(func.min(AuditEntry.number)).where(AuditEntry.occurred_at >= moment)
        first_young = self._uow.session.scalar(young)
        old = select(AuditEntry.number, AuditEntry.hash).where(AuditEntry.number < oldest + most)
        if first_young is not None:
            old = old.where(AuditEntry.number < first_young)
        row = self._uow.session.execute(old.order_by(AuditEntry.number.desc()).limit(1)).first()
        return Link(*row) if row else None

    def cut(self, last: Link) -> None:
        """Delete the entries up to this one, which the chain goes on from: the triggers let older ones go."""
        self._uow.session.execute(delete(AuditAnchor))
        self._uow.session.execute(insert(AuditAnchor).values(id=1, number=last.number, hash=last.hash))
        self._uow.session.execute(delete(AuditEntry).where(AuditEntry.number <= last.number))

    def clear(self) -> None:
        """Delete everything: a replay begins."""
        if newest := self.newest():
            self.cut(newest)
        self._uow.session.execute(delete(AuditAnchor))
