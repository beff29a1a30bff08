"""The dashboard: figures of a range of time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from src.domains.analytics.models import Turn
from src.domains.analytics.repositories.turns import Day, Totals, TurnFilter, TurnRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import InvalidRequest

DEFAULT_RANGE = timedelta(days=30)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class InvalidRange(InvalidRequest):
    code = "invalid_range"


@dataclass(frozen=True)
class Quantiles:
    """Nearest-rank quantiles in milliseconds; None when nothing was measured."""

    p50: int | None
    p95: int | None
    p99: int | None


@dataclass(frozen=True)
class Dashboard:
    """The figures of a range."""

    start: datetime
    end: datetime
    totals: Totals
    first_token: Quantiles
    total: Quantiles
    days: list[Day]


class DashboardService:
    """Answers what the dashboard shows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def dashboard(
        self, start: datetime | None, end: datetime | None, group_id: UUID | None
    ) -> Dashboard:
        """Return the figures from `start` to before `end`; by default the last thirty days up to now."""
        end = end or utc_now()
        if not all(EARLIEST <= moment <= LATEST for moment in (start or end, end)):
            raise InvalidRange(f"`from` and `to` must be between {EARLIEST.year} and {LATEST.year}.")
        start = start or end - DEFAULT_RANGE
        if start >= end:
            raise InvalidRange("`from` must be before `to`.")
        wanted = TurnFilter(start, end, group_id)

        def read(uow: UnitOfWork) -> Dashboard:
            turns = TurnRepository(uow)
            first_token, total = (
                Quantiles(*(turns.quantile(wanted, column, fraction) for fraction in (0.5, 0.95, 0.99)))
                for column in (Turn.first_token_ms, Turn.total_ms)
            )
            return Dashboard(
                wanted.start, wanted.end, turns.totals(wanted), first_token, total, turns.days(wanted)
            )

        return await self._database.read(read)
