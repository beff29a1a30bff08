"""The HTTP API of the audit log."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Security
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from src.domains.auth.dependencies import Admin, Audit
from src.domains.auth.repositories.audit import AuditFilter
from src.domains.auth.schemas.audit import AuditEntryResponse, AuditHeadResponse
from src.shared.middleware.authentication import current_admin
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(
    prefix="/auth/audit", tags=["auth"], dependencies=[Security(current_admin, scopes=["admin"])]
)


async def _wanted(
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
    actor: UUID | None = None,
    action: Annotated[str | None, Query(max_length=100, pattern=r"^[a-z_.]+$")] = None,
) -> AuditFilter:
    return AuditFilter(start, end, actor, action)


Wanted = Annotated[AuditFilter, Depends(_wanted)]


@router.get("")
async def list_entries(
    wanted: Wanted, audit: Audit, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditEntryResponse]:
    page = await audit.page(wanted, cursor, limit)
    return Page.of([AuditEntryResponse.of(view) for view in page], limit)


@router.get("/head")
async def head(audit: Audit) -> AuditHeadResponse:
    return AuditHeadResponse.of(await audit.head())


@router.get("/export.csv", response_class=StreamingResponse)
async def export(admin: Admin, wanted: Wanted, audit: Audit) -> StreamingResponse:
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    lines = await audit.export(admin, wanted)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
