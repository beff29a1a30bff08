"""The HTTP API of analytics, for administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Security
from pydantic import AwareDatetime

from src.domains.analytics.dependencies import Dashboards
from src.domains.analytics.schemas.dashboards import DashboardResponse
from src.shared.middleware.authentication import current_admin

router = APIRouter(
    prefix="/analytics",
    tags=["analytics"],
    dependencies=[Security(current_admin, scopes=["analytics:read"])],
)


@router.get("/dashboard")
async def dashboard(
    dashboards: Dashboards,
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    group_id: UUID | None = None,
) -> DashboardResponse:
    return DashboardResponse.of(await dashboards.dashboard(start, end, group_id))
