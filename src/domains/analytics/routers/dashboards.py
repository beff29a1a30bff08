"""The HTTP API of the dashboard and of usage, for administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Security

from src.domains.analytics.dependencies import Dashboards, From, To, Usages, Zone
from src.domains.analytics.repositories.usage import By
from src.domains.analytics.schemas.dashboards import DashboardResponse
from src.domains.analytics.schemas.usage import UsageResponse
from src.shared.middleware.authentication import current_admin

router = APIRouter(
    prefix="/analytics",
    tags=["analytics"],
    dependencies=[Security(current_admin, scopes=["analytics:read"])],
)


@router.get("/dashboard")
async def dashboard(
    dashboards: Dashboards,
    start: From = None,
    end: To = None,
    group_id: UUID | None = None,
    time_zone: Zone = None,
) -> DashboardResponse:
    return DashboardResponse.of(await dashboards.dashboard(start, end, group_id, time_zone))


@router.get("/usage")
async def usage(
    usages: Usages,
    by: By,
    start: From = None,
    end: To = None,
    group_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> UsageResponse:
    return UsageResponse.of(await usages.usage(by, start, end, group_id, limit))
