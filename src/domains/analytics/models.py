"""Tables of analytics, made from events alone: they can be rebuilt from the log at any time."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database.base import Base, domain_metadata


class AnalyticsRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Turn(AnalyticsRecord):
    """An answer that was asked for, with what became of it: to a new question, or again to an earlier one.

    `day` is the date on which it was asked for, in the platform's time zone.
    """

    __tablename__ = "analytics_turn"
    __table_args__ = (Index("ix_analytics_turn_asked_at_user_id", "asked_at", "user_id"),)

    answer_id: Mapped[UUID] = mapped_column(primary_key=True)
    question_id: Mapped[UUID]
    is_again: Mapped[bool]
    session_id: Mapped[UUID]
    user_id: Mapped[UUID]
    asked_at: Mapped[datetime]
    day: Mapped[date]
    outcome: Mapped[str]
    model: Mapped[str | None]
    grounded: Mapped[bool | None]
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)
    first_token_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    rating: Mapped[str | None]


class TurnGroup(AnalyticsRecord):
    """A group that the asker was in when asking."""

    __tablename__ = "analytics_turn_group"

    answer_id: Mapped[UUID] = mapped_column(
        ForeignKey("analytics_turn.answer_id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
