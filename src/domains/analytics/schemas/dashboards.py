"""Response models of the dashboard."""

from datetime import date, datetime
from typing import Self

from pydantic import Field

from src.domains.analytics.services.dashboards import Dashboard, Figures
from src.domains.analytics.services.ranges import Range
from src.domains.analytics.services.turns import DOLLAR
from src.shared.schemas import ResponseModel


class RangeResponse(ResponseModel):
    """From `from` on, before `to`: what was asked for, widened to what is counted together."""

    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")

    @classmethod
    def of(cls, wanted: Range) -> Self:
        zone = wanted.viewer.zone
        return cls(start=wanted.start.astimezone(zone), end=wanted.end.astimezone(zone))


class FiguresResponse(ResponseModel):
    """Counts; `grounded_rate` is the share of answers that cite a document; `cost` in US dollars."""

    messages: int
    answers: int
    sessions: int
    active_users: int
    grounded_rate: float | None
    tokens_in: int
    tokens_out: int
    cost: float
    feedback_up: int
    feedback_down: int
    blocked: int
    failed: int

    @classmethod
    def of(cls, figures: Figures) -> Self:
        counts = figures.counts
        answers = counts["answers"]
        return cls(
            grounded_rate=counts["grounded"] / answers if answers else None,
            active_users=figures.active_users,
            cost=counts["cost"] / DOLLAR,
            **{name: counts[name] for name in COUNTED},
        )


COUNTED = (
    *("messages", "answers", "sessions", "tokens_in", "tokens_out"),
    *("feedback_up", "feedback_down", "blocked", "failed"),
)


class ActiveResponse(ResponseModel):
    """How many people asked in the last day, week and thirty days up to the range's end."""

    day: int
    week: int
    month: int


class QuantilesResponse(ResponseModel):
    p50: int | None
    p95: int | None
    p99: int | None


class LatencyResponse(ResponseModel):
    """Milliseconds from the question's arrival, within one per cent."""

    first_token: QuantilesResponse
    total: QuantilesResponse


class DayResponse(FiguresResponse):
    at: date


class DashboardResponse(ResponseModel):
    range: RangeResponse
    totals: FiguresResponse
    active_people: ActiveResponse
    latency_ms: LatencyResponse
    series: list[DayResponse]

    @classmethod
    def of(cls, dashboard: Dashboard) -> Self:
        active = dashboard.active
        return cls(
            range=RangeResponse.of(dashboard.range),
            totals=FiguresResponse.of(dashboard.totals),
            active_people=ActiveResponse(day=active[1], week=active[7], month=active[30]),
            latency_ms=LatencyResponse(
                first_token=QuantilesResponse.model_validate(dashboard.first_token),
                total=QuantilesResponse.model_validate(dashboard.total),
            ),
            series=[
                DayResponse(at=day, **FiguresResponse.of(figures).model_dump())
                for day, figures in dashboard.days.items()
            ],
        )
