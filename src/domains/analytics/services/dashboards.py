"""The dashboard: figures of a range of time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from src.domains.analytics.models import EVERYBODY, Measure
from src.domains.analytics.repositories.figures import FigureRepository, Stretch
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.ranges import Range, Ranges
from src.domains.analytics.services.sketch import quantile
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork

MEASURES: tuple[Measure, ...] = ("first_token", "total")


@dataclass(frozen=True)
class Quantiles:
    """Quantiles in milliseconds, within one per cent; None when nothing was measured."""

    p50: int | None
    p95: int | None
    p99: int | None


@dataclass
class Figures:
    """Counts; `cost` in billionths of a US dollar."""

    counts: Counter[str] = field(default_factory=Counter)
    active_users: int = 0


@dataclass(frozen=True)
class Dashboard:
    """The figures of a range, and of its days. `active` is how many people asked in so many days up to its end."""

    range: Range
    totals: Figures
    active: dict[int, int]
    first_token: Quantiles
    total: Quantiles
    days: dict[date, Figures]


class DashboardService:
    """Answers what the dashboard shows."""

    def __init__(self, database: Database, calendar: Calendar) -> None:
        self._database = database
        self._ranges = Ranges(calendar)

    async def dashboard(
        self, start: datetime | None, end: datetime | None, group_id: UUID | None, zone: ZoneInfo | None
    ) -> Dashboard:
        wanted = self._ranges.hours(start, end, zone)
        return await self._database.read(lambda uow: self._read(uow, wanted, group_id or EVERYBODY))

    def _read(self, uow: UnitOfWork, wanted: Range, group_id: UUID) -> Dashboard:
        stretches = self._ranges.cover(wanted)
        figures = FigureRepository(uow, group_id, stretches)
        days = _days(uow, wanted, group_id, stretches)
        totals = Figures(sum((day.counts for day in days.values()), Counter()), figures.count_people())
        active = {
            number: FigureRepository(uow, group_id, self._ranges.last_days(wanted.end, number)).count_people()
            for number in (1, 7, 30)
        }
        first_token, total = (_quantiles(figures.bins(measure)) for measure in MEASURES)
        return Dashboard(wanted, totals, active, first_token, total, days)


def _days(
    uow: UnitOfWork, wanted: Range, group_id: UUID, stretches: Sequence[Stretch]
) -> dict[date, Figures]:
    """Return the figures of each of the viewer's days on which something was asked."""
    days: dict[date, Figures] = {}

    def day_of(moment: datetime) -> Figures:
        return days.setdefault(moment.astimezone(wanted.viewer.zone).date(), Figures())

    for stretch in stretches:
        figures = FigureRepository(uow, group_id, [stretch])
        for start, counts in figures.buckets():
            day_of(start).counts.update(counts)
        if stretch.grain == "day":
            for start, number in figures.count_people_by_bucket():
                day_of(start).active_users = number
        else:
            for day, people in _people_by_day(figures, wanted).items():
                days.setdefault(day, Figures()).active_users = len(people)
    return dict(sorted(days.items()))


def _people_by_day(figures: FigureRepository, wanted: Range) -> dict[date, set[UUID]]:
    people: dict[date, set[UUID]] = {}
    for start, user_id in figures.people():
        people.setdefault(start.astimezone(wanted.viewer.zone).date(), set()).add(user_id)
    return people


def _quantiles(bins: dict[int, int]) -> Quantiles:
    values: Sequence[float | None] = [quantile(bins, fraction) for fraction in (0.5, 0.95, 0.99)]
    return Quantiles(*(None if value is None else round(value) for value in values))
