"""Hours and days as they begin where the platform is, or where a viewer is."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


class Calendar:
    """The hours and days of a time zone. What begins is told as an instant in UTC."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def hour(self, moment: datetime) -> datetime:
        """Return when the hour began. By the clock there, which in some zones is half an hour off."""
        offset = moment.astimezone(self.zone).utcoffset() or timedelta(0)
        since = (moment.astimezone(UTC).replace(tzinfo=None) + offset).replace(
            minute=0, second=0, microsecond=0
        )
        return (since - offset).replace(tzinfo=UTC)

    def day(self, moment: datetime) -> datetime:
        """Return when the day began."""
        return self._midnight(moment, 0)

    def next_day(self, moment: datetime) -> datetime:
        return self._midnight(moment, 1)

    def _midnight(self, moment: datetime, days: int) -> datetime:
        date = moment.astimezone(self.zone).date() + timedelta(days=days)
        return datetime.combine(date, time.min, self.zone).astimezone(UTC)
