"""FastAPI dependencies of analytics."""

from typing import Annotated

from fastapi import Depends, Request

from src.domains.analytics.services.dashboards import DashboardService


async def _dashboards(request: Request) -> DashboardService:
    service: DashboardService = request.app.state.dashboards
    return service


Dashboards = Annotated[DashboardService, Depends(_dashboards)]
