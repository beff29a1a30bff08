"""Who and what used how much."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from src.domains.analytics.repositories.figures import NAMES
from src.domains.analytics.repositories.usage import By, UsageRepository
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.dashboards import Figures
from src.domains.analytics.services.ranges import Range, Ranges
from src.infrastructure.database.database import Database


@dataclass(frozen=True)
class UsageOf:
    """What one of them used: a person, a group, a model, an assistant, a door, or a day."""

    key: str
    figures: Figures


@dataclass(frozen=True)
class UsageTable:
    range: Range
    items: list[UsageOf]


class UsageService:
    """Answers from sums of full days. An answer counts once it is written, or failed."""

    def __init__(self, database: Database, calendar: Calendar) -> None:
        self._database = database
        self._calendar = calendar
        self._ranges = Ranges(calendar)

    async def usage(
        self, by: By, start: datetime | None, end: datetime | None, group_id: UUID | None, limit: int
    ) -> UsageTable:
        """Return those who used most, of a range that is widened to full days."""
        wanted = self._ranges.days(start, end)
        rows = await self._database.read(
            lambda uow: UsageRepository(uow).most(by, group_id, wanted.start, wanted.end, limit)
        )
        items = [
            UsageOf(
                self._name(row["key"]),
                Figures(Counter({name: int(row[name]) for name in NAMES}), row["active_users"]),
            )
            for row in rows
        ]
        return UsageTable(wanted, items)

    def _name(self, key: object) -> str:
        if isinstance(key, datetime):
            return key.astimezone(self._calendar.zone).date().isoformat()
        return str(key)
