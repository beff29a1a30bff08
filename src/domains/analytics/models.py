"""Tables of analytics, made from events alone: they can be rebuilt from the log at any time.

Turns are the facts; buckets are sums of them, so that a range costs what its hours and days cost, and not what was
asked in them. `analytics_counted` has what of a turn is in the buckets already.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from src.infrastructure.database.base import Base, domain_metadata

Grain = Literal["hour", "day"]
Measure = Literal["first_token", "total"]

EVERYBODY = UUID(int=0)
"""The group of all people, in which every turn counts."""


class AnalyticsRecord(Base):
    __abstract__ = True
    metadata = domain_metadata()


class Turn(AnalyticsRecord):
    """An answer that was asked for, with what became of it: to a new question, or again to an earlier one.

    `day` and `hour` are the instants at which they began where the platform is. `cost` in billionths of a US
    dollar. `first_token_bin` and `total_bin` are where the times lie in the sketch. `is_changed` until the buckets
    know.
    """

    __tablename__ = "analytics_turn"
    __table_args__ = (
        Index("ix_analytics_turn_asked_at", "asked_at"),
        Index("ix_analytics_turn_session_id", "session_id"),
        Index(
            "ix_analytics_turn_is_changed",
            "answer_id",
            sqlite_where=text("is_changed"),
            postgresql_where=text("is_changed"),
        ),
    )

    answer_id: Mapped[UUID] = mapped_column(primary_key=True)
    question_id: Mapped[UUID]
    is_again: Mapped[bool]
    session_id: Mapped[UUID]
    user_id: Mapped[UUID]
    channel: Mapped[str]
    profile_id: Mapped[UUID]
    asked_at: Mapped[datetime]
    hour: Mapped[datetime]
    day: Mapped[datetime]
    outcome: Mapped[str]
    model: Mapped[str | None]
    grounded: Mapped[bool | None]
    tokens_in: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_out: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)
    first_token_bin: Mapped[int | None]
    total_bin: Mapped[int | None]
    rating: Mapped[str | None]
    is_changed: Mapped[bool]


class TurnGroup(AnalyticsRecord):
    """A group that the asker was in when asking, and everybody's."""

    __tablename__ = "analytics_turn_group"

    answer_id: Mapped[UUID] = mapped_column(
        ForeignKey("analytics_turn.answer_id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[UUID] = mapped_column(primary_key=True)


class Session(AnalyticsRecord):
    """A conversation, which counts where its first turn does."""

    __tablename__ = "analytics_session"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(unique=True)


class Figures:
    """What is counted. `cost` in billionths of a US dollar."""

    messages: Mapped[int]
    answers: Mapped[int]
    grounded: Mapped[int]
    sessions: Mapped[int]
    blocked: Mapped[int]
    failed: Mapped[int]
    feedback_up: Mapped[int]
    feedback_down: Mapped[int]
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    tokens_out: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int] = mapped_column(BigInteger)


class Counted(Figures, AnalyticsRecord):
    """What of a turn is in the buckets: its times once they are known, its usage once it is settled."""

    __tablename__ = "analytics_counted"

    answer_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_timed: Mapped[bool]
    is_settled: Mapped[bool]


class Bucket(Figures, AnalyticsRecord):
    """The turns of an hour or a day, of a group or of everybody."""

    __tablename__ = "analytics_bucket"

    grain: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)


class LatencyBin(AnalyticsRecord):
    """How many turns of a bucket took a time that lies in this bin of the sketch."""

    __tablename__ = "analytics_latency_bin"

    grain: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    bin: Mapped[int] = mapped_column(primary_key=True)
    turns: Mapped[int]


class ActivePerson(AnalyticsRecord):
    """Somebody who asked in a bucket."""

    __tablename__ = "analytics_active_person"

    grain: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)


class Usage(Figures, AnalyticsRecord):
    """What a person used in a day: by model, assistant and door. A turn counts once for each of its groups."""

    __tablename__ = "analytics_usage"

    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[datetime] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    profile_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)


class Feedback(AnalyticsRecord):
    """What somebody says of an answer: their own text, which goes with the session."""

    __tablename__ = "analytics_feedback"

    answer_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(index=True)
    rated_at: Mapped[datetime] = mapped_column(index=True)
    rating: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(JSON)
    comment: Mapped[str]
