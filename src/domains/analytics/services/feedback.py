"""What people say of answers, as administrators read it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from src.domains.analytics.models import Feedback
from src.domains.analytics.repositories.feedback import FeedbackFilter, FeedbackRepository
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.ranges import Ranges
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.chat import FeedbackGiven, FeedbackWithdrawn, SessionDeleted


class FeedbackProjection:
    """Keeps the newest word on each answer, as long as its session is there."""

    def give(self, uow: UnitOfWork, event: FeedbackGiven) -> None:
        FeedbackRepository(uow).save(
            {
                "answer_id": event.message_id,
                "session_id": event.session_id,
                "rated_at": event.occurred_at,
                "rating": event.rating,
                "reasons": list(event.reasons),
                "comment": event.comment,
            }
        )

    def withdraw(self, uow: UnitOfWork, event: FeedbackWithdrawn) -> None:
        FeedbackRepository(uow).withdraw(event.message_id)

    def forget(self, uow: UnitOfWork, event: SessionDeleted) -> None:
        FeedbackRepository(uow).forget_session(event.session_id)

    def clear(self, uow: UnitOfWork) -> None:
        FeedbackRepository(uow).delete_all()


class FeedbackService:
    """Lists feedback. It is not told whose it is."""

    def __init__(self, database: Database, calendar: Calendar) -> None:
        self._database = database
        self._ranges = Ranges(calendar)

    async def page(
        self,
        start: datetime | None,
        end: datetime | None,
        rating: str | None,
        group_id: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Feedback]:
        """Return feedback of the range, newest first."""
        asked = self._ranges.hours(start, end, None)
        wanted = FeedbackFilter(asked.start, asked.end, rating, group_id)
        return await self._database.read(lambda uow: FeedbackRepository(uow).page(wanted, before, limit))
