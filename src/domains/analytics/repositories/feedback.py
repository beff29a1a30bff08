"""What people say of answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, tuple_

from src.domains.analytics.models import Feedback, TurnGroup
from src.infrastructure.database.unit_of_work import UnitOfWork

FEEDBACK = Feedback.metadata.tables[Feedback.__tablename__]


@dataclass(frozen=True)
class FeedbackFilter:
    """Which feedback is meant: given from `start` on and before `end`, on answers to members of the group."""

    start: datetime
    end: datetime
    rating: str | None = None
    group_id: UUID | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = [Feedback.rated_at >= self.start, Feedback.rated_at < self.end]
        if self.rating:
            conditions.append(Feedback.rating == self.rating)
        if self.group_id:
            members = select(TurnGroup.answer_id).where(TurnGroup.group_id == self.group_id)
            conditions.append(Feedback.answer_id.in_(members))
        return conditions


class FeedbackRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def save(self, values: Mapping[str, Any]) -> None:
        """Keep what is said of an answer in the place of what was said before."""
        self.withdraw(values["answer_id"])
        self._uow.connection.execute(insert(FEEDBACK), [dict(values)])

    def withdraw(self, answer_id: UUID) -> None:
        self._uow.connection.execute(delete(FEEDBACK).where(FEEDBACK.c.answer_id == answer_id))

    def forget_session(self, session_id: UUID) -> None:
        self._uow.connection.execute(delete(FEEDBACK).where(FEEDBACK.c.session_id == session_id))

    def delete_all(self) -> None:
        self._uow.connection.execute(delete(FEEDBACK))

    def page(self, wanted: FeedbackFilter, before: UUID | None, limit: int) -> Sequence[Feedback]:
        """Return feedback, newest first, from the one on that follows that of the answer `before`."""
        query = select(Feedback).where(*wanted.conditions())
        if before:
            place = (
                select(Feedback.rated_at, Feedback.answer_id).where(Feedback.answer_id == before).subquery()
            )
            at = select(place.c.rated_at).scalar_subquery()
            query = query.where(tuple_(Feedback.rated_at, Feedback.answer_id) < tuple_(at, before))
        order = (Feedback.rated_at.desc(), Feedback.answer_id.desc())
        return self._uow.session.scalars(query.order_by(*order).limit(limit)).all()
