"""Response models of usage."""

from typing import Self

from src.domains.analytics.schemas.dashboards import FiguresResponse, RangeResponse
from src.domains.analytics.services.usage import UsageTable
from src.shared.schemas import ResponseModel


class UsageOfResponse(FiguresResponse):
    """`key` is an id, a model's name (empty where none answered), a door, or a day."""

    key: str


class UsageResponse(ResponseModel):
    range: RangeResponse
    items: list[UsageOfResponse]

    @classmethod
    def of(cls, usage: UsageTable) -> Self:
        return cls(
            range=RangeResponse.of(usage.range),
            items=[
                UsageOfResponse(key=each.key, **FiguresResponse.of(each.figures).model_dump())
                for each in usage.items
            ],
        )
