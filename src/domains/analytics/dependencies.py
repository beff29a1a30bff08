"""FastAPI dependencies of analytics."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from src.domains.analytics.services.dashboards import DashboardService


async def _dashboards(request: Request) -> DashboardService:
    service: DashboardService = request.app.state.dashboards
    return service


Dashboards = Annotated[DashboardService, Depends(_dashboards)]
Zone = Annotated[ZoneInfo | None, Query(description="Whose days are meant; the platform's own otherwise.")]
