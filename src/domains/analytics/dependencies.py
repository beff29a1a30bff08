"""FastAPI dependencies of analytics."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime

from src.domains.analytics.services.dashboards import DashboardService
from src.domains.analytics.services.exports import ExportService
from src.domains.analytics.services.feedback import FeedbackService
from src.domains.analytics.services.usage import UsageService


async def _dashboards(request: Request) -> DashboardService:
    service: DashboardService = request.app.state.dashboards
    return service


async def _usages(request: Request) -> UsageService:
    service: UsageService = request.app.state.usages
    return service


async def _feedbacks(request: Request) -> FeedbackService:
    service: FeedbackService = request.app.state.feedbacks
    return service


async def _exports(request: Request) -> ExportService:
    service: ExportService = request.app.state.usage_exports
    return service


Dashboards = Annotated[DashboardService, Depends(_dashboards)]
Usages = Annotated[UsageService, Depends(_usages)]
Feedbacks = Annotated[FeedbackService, Depends(_feedbacks)]
Exports = Annotated[ExportService, Depends(_exports)]
From = Annotated[AwareDatetime | None, Query(alias="from")]
To = Annotated[AwareDatetime | None, Query(alias="to")]
Zone = Annotated[ZoneInfo | None, Query(description="Whose days are meant; the platform's own otherwise.")]
