"""What the dashboard reads: buckets of a range, whatever was asked in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, func, or_, select

from src.domains.analytics.models import ActivePerson, Bucket, Grain, LatencyBin, Measure
from src.domains.analytics.repositories.turns import FIGURES
from src.infrastructure.database.unit_of_work import UnitOfWork

NAMES = tuple(FIGURES)
BUCKETS, BINS, PEOPLE = (
    Bucket.metadata.tables[each.__tablename__] for each in (Bucket, LatencyBin, ActivePerson)
)


@dataclass(frozen=True)
class Stretch:
    """Buckets of one grain: those that begin from `start` on and before `end`."""

    grain: Grain
    start: datetime
    end: datetime


class FigureRepository:
    """The figures of a group, of stretches that do not overlap."""

    def __init__(self, uow: UnitOfWork, group_id: UUID, stretches: Sequence[Stretch]) -> None:
        self._uow = uow
        self._group_id = group_id
        self._stretches = stretches

    def buckets(self) -> list[tuple[datetime, dict[str, int]]]:
        """Return when each bucket begins, and its figures."""
        query = select(BUCKETS.c.start, *(BUCKETS.c[name] for name in NAMES)).where(self._within(BUCKETS))
        return [(row.pop("start"), row) for row in map(dict, self._uow.connection.execute(query).mappings())]

    def bins(self, measure: Measure) -> dict[int, int]:
        """Return how many turns lie in each bin of the sketch."""
        query = select(BINS.c.bin, func.sum(BINS.c.turns)).where(
            self._within(BINS), BINS.c.measure == measure
        )
        return {
            number: int(turns) for number, turns in self._uow.connection.execute(query.group_by(BINS.c.bin))
        }

    def people(self) -> list[tuple[datetime, UUID]]:
        """Return who asked in which bucket."""
        query = select(PEOPLE.c.start, PEOPLE.c.user_id).where(self._within(PEOPLE))
        return [(start, user_id) for start, user_id in self._uow.connection.execute(query)]

    def count_people(self) -> int:
        query = select(func.count(PEOPLE.c.user_id.distinct())).where(self._within(PEOPLE))
        return self._uow.connection.scalar(query) or 0

    def count_people_by_bucket(self) -> list[tuple[datetime, int]]:
        query = select(PEOPLE.c.start, func.count()).where(self._within(PEOPLE)).group_by(PEOPLE.c.start)
        return [(start, people) for start, people in self._uow.connection.execute(query)]

    def _within(self, table: Table) -> ColumnElement[bool]:
        within = (
            and_(table.c.grain == each.grain, table.c.start >= each.start, table.c.start < each.end)
            for each in self._stretches
        )
        return and_(table.c.group_id == self._group_id, or_(*within))
