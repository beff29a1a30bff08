"""Ranges of time as they are asked for, and the buckets that cover them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from src.domains.analytics.repositories.figures import Stretch
from src.domains.analytics.services.calendar import HOUR, Calendar
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import InvalidRequest

DEFAULT_RANGE = timedelta(days=30)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class InvalidRange(InvalidRequest):
    code = "invalid_range"


class UnsupportedTimeZone(InvalidRequest):
    code = "unsupported_time_zone"


@dataclass(frozen=True)
class Range:
    """From `start` on and before `end`; days are those of the viewer."""

    start: datetime
    end: datetime
    viewer: Calendar


class Ranges:
    """Makes ranges of what is asked for. The platform's own calendar says where buckets begin."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def hours(self, start: datetime | None, end: datetime | None, zone: ZoneInfo | None) -> Range:
        """Return the range, widened to full hours; by default the last thirty days up to now."""
        end = end or utc_now()
        if not all(EARLIEST <= moment <= LATEST for moment in (start or end, end)):
            raise InvalidRange(f"`from` and `to` must be between {EARLIEST.year} and {LATEST.year}.")
        start = start or end - DEFAULT_RANGE
        if start >= end:
            raise InvalidRange("`from` must be before `to`.")
        viewer = Calendar(zone) if zone else self._calendar
        if self._calendar.hour(viewer.day(end)) != viewer.day(end):
            raise UnsupportedTimeZone(
                f"Days of {viewer.zone.key} begin within an hour of this platform. Choose another zone."
            )
        first, last = self._calendar.hour(start), self._calendar.hour(end)
        return Range(first, last if last == end else last + HOUR, viewer)

    def days(self, start: datetime | None, end: datetime | None) -> Range:
        """Return the range, widened to full days of the platform."""
        asked = self.hours(start, end, None)
        last = self._calendar.day(asked.end)
        end = last if last == asked.end else self._calendar.next_day(asked.end)
        return Range(self._calendar.day(asked.start), end, self._calendar)

    def cover(self, wanted: Range) -> list[Stretch]:
        """Return the fewest buckets: full days where the viewer's are the platform's, and hours around them."""
        if wanted.viewer.zone.key != self._calendar.zone.key:
            return [Stretch("hour", wanted.start, wanted.end)]
        first, last = self._calendar.day(wanted.start), self._calendar.day(wanted.end)
        if first < wanted.start:
            first = self._calendar.next_day(wanted.start)
        if first >= last:
            return [Stretch("hour", wanted.start, wanted.end)]
        stretches = (
            Stretch("hour", wanted.start, first),
            Stretch("day", first, last),
            Stretch("hour", last, wanted.end),
        )
        return [each for each in stretches if each.start < each.end]

    def last_days(self, end: datetime, days: int) -> list[Stretch]:
        """Return the buckets of so many days up to the moment."""
        return self.cover(Range(self._calendar.hour(end - timedelta(days=days)), end, self._calendar))
