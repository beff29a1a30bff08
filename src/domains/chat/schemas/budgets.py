"""Request and response models of budgets."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from src.domains.chat.models import BudgetScope
from src.domains.chat.services.allowances import NOBODY, billionths, dollars
from src.domains.chat.services.budgets import BudgetLimits, KnownBudget
from src.domains.chat.services.standings import Standing
from src.shared.schemas import ItemModel, RequestModel, ResponseModel

Tokens = Annotated[int, Field(ge=0, le=10**15)]
Dollars = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]


class PeriodLimits(RequestModel):
    """What may be used within a day or a month; null is no limit. `cost` in US dollars."""

    tokens: Tokens | None = None
    cost: Dollars | None = None


class SetBudgetRequest(RequestModel):
    day: PeriodLimits = PeriodLimits()
    month: PeriodLimits = PeriodLimits()

    @property
    def limits(self) -> BudgetLimits:
        return BudgetLimits(
            day_tokens=self.day.tokens,
            day_cost=billionths(self.day.cost),
            month_tokens=self.month.tokens,
            month_cost=billionths(self.month.cost),
        )


class TokensResponse(ResponseModel):
    limit: int | None
    used: int
    reserved: int


class CostResponse(ResponseModel):
    """In US dollars."""

    limit: float | None
    used: float
    reserved: float


class StandingResponse(ResponseModel):
    """How much of a budget is used in the present day or month, and what answers in the making may still use.

    `share_used` is of tokens or money, whichever is more.
    """

    scope: BudgetScope
    subject_id: UUID | None
    period: Literal["day", "month"]
    resets_at: datetime
    tokens: TokensResponse
    cost: CostResponse
    share_used: float

    @classmethod
    def of(cls, standing: Standing) -> "StandingResponse":
        return cls.model_validate(standing.shown)


class StandingsResponse(ResponseModel):
    items: list[StandingResponse]


class LimitsResponse(ResponseModel):
    tokens: int | None
    cost: float | None


class BudgetResponse(ItemModel):
    """A budget; `standings` are those of its user, its group or the platform, none where it is the default."""

    scope: BudgetScope
    subject_id: UUID | None
    day: LimitsResponse
    month: LimitsResponse
    updated_at: datetime
    standings: list[StandingResponse]

    @classmethod
    def of(cls, known: KnownBudget) -> "BudgetResponse":
        budget = known.budget
        return cls(
            id=budget.id,
            scope=budget.scope,
            subject_id=None if budget.subject_id == NOBODY else budget.subject_id,
            day=LimitsResponse(tokens=budget.day_tokens, cost=dollars(budget.day_cost)),
            month=LimitsResponse(tokens=budget.month_tokens, cost=dollars(budget.month_cost)),
            updated_at=budget.updated_at,
            standings=[StandingResponse.of(each) for each in known.standings],
        )
