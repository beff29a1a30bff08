"""What was used, day by day, for other programs: as CSV and as JSON."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from src.domains.analytics.models import EVERYBODY
from src.domains.analytics.repositories.figures import NAMES
from src.domains.analytics.repositories.usage import PARTS, UsageRepository
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.ranges import Range, Ranges
from src.domains.analytics.services.turns import DOLLAR
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.middleware.authentication import Principal
from src.shared.spreadsheets import csv_line

AT_ONCE = 1_000
COLUMNS = (*PARTS, *NAMES)


@dataclass(frozen=True)
class Export:
    """What is asked for; `reader` may lose their rights while it is sent."""

    range: Range
    group_id: UUID
    reader: Principal


class ExportService:
    """Streams usage by day, person, model, assistant and door, of full days, page by page."""

    def __init__(self, database: Database, calendar: Calendar) -> None:
        self._database = database
        self._calendar = calendar
        self._ranges = Ranges(calendar)

    def wanted(
        self, start: datetime | None, end: datetime | None, group_id: UUID | None, reader: Principal
    ) -> Export:
        """Return what is to be exported; raise `InvalidRange`."""
        return Export(self._ranges.days(start, end), group_id or EVERYBODY, reader)

    async def csv(self, export: Export) -> AsyncIterator[str]:
        yield csv_line(COLUMNS)
        async for rows in self._pages(export):
            yield "".join(csv_line(row[name] for name in COLUMNS) for row in rows)

    async def json_lines(self, export: Export) -> AsyncIterator[str]:
        """Yield a JSON object a line."""
        async for rows in self._pages(export):
            yield "".join(f"{json.dumps(row)}\n" for row in rows)

    async def _pages(self, export: Export) -> AsyncIterator[list[dict[str, str | int | float]]]:
        last: RowMapping | None = None

        def page(uow: UnitOfWork) -> Sequence[RowMapping]:
            span = export.range
            return UsageRepository(uow).after(last, export.group_id, span.start, span.end, AT_ONCE)

        while rows := await self._database.read(page):
            if refusal := export.reader.refusal():
                raise refusal
            yield [self._told(row) for row in rows]
            last = rows[-1]

    def _told(self, row: RowMapping) -> dict[str, str | int | float]:
        day = row["day"].astimezone(self._calendar.zone).date().isoformat()
        parts = {name: str(row[name]) for name in PARTS}
        figures = {name: row[name] for name in NAMES}
        return {**parts, "day": day, **figures, "cost": row["cost"] / DOLLAR}
