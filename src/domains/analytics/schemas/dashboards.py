"""Response models of analytics."""

from datetime import date, datetime

from pydantic import Field

from src.domains.analytics.services.dashboards import Dashboard
from src.shared.schemas import ResponseModel


class RangeResponse(ResponseModel):
    """From `from` on, before `to`."""

    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")


class TotalsResponse(ResponseModel):
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


class QuantilesResponse(ResponseModel):
    p50: int | None
    p95: int | None
    p99: int | None


class LatencyResponse(ResponseModel):
    """Milliseconds from the question's arrival."""

    first_token: QuantilesResponse
    total: QuantilesResponse


class DayResponse(ResponseModel):
    at: date
    messages: int
    answers: int
    active_users: int
    cost: float


class DashboardResponse(ResponseModel):
    range: RangeResponse
    totals: TotalsResponse
    latency_ms: LatencyResponse
    series: list[DayResponse]

    @classmethod
    def of(cls, dashboard: Dashboard) -> "DashboardResponse":
        totals = dashboard.totals
        rate = totals.grounded / totals.answers if totals.answers else None
        return cls(
            range=RangeResponse(start=dashboard.start, end=dashboard.end),
            totals=TotalsResponse.model_validate({**vars(totals), "grounded_rate": rate}),
            latency_ms=LatencyResponse(
                first_token=QuantilesResponse.model_validate(dashboard.first_token),
                total=QuantilesResponse.model_validate(dashboard.total),
            ),
            series=[DayResponse.model_validate(day) for day in dashboard.days],
        )
