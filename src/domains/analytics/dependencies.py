"""FastAPI dependencies of analytics."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from src.domains.analytics.services.dashboards import DashboardService
from src.domains.analytics.services.usage import UsageService


async def _dashboards(request: Request) -> DashboardService:
    service: DashboardService = request.app.state.dashboards
    return service


async def _usages(request: Request) -> UsageService:
    service: UsageService = request.app.state.usages
    return service


Dashboards = Annotated[DashboardService, Depends(_dashboards)]
Usages = Annotated[UsageService, Depends(_usages)]
Zone = Annotated[ZoneInfo | None, Query(description="Whose days are meant; the platform's own otherwise.")]
