"""The HTTP API of exports, for administrators."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Security
from fastapi.responses import StreamingResponse

from src.domains.analytics.dependencies import Exports, From, To
from src.shared.middleware.authentication import Principal, current_admin

router = APIRouter(prefix="/analytics", tags=["analytics"])

Reader = Annotated[Principal, Security(current_admin, scopes=["analytics:read"])]


@router.get("/export.csv", response_class=StreamingResponse)
async def export_csv(
    reader: Reader, exports: Exports, start: From = None, end: To = None, group_id: UUID | None = None
) -> StreamingResponse:
    lines = exports.csv(exports.wanted(start, end, group_id, reader))
    return _file(lines, "usage.csv", "text/csv; charset=utf-8")


@router.get("/export.jsonl", response_class=StreamingResponse)
async def export_json(
    reader: Reader, exports: Exports, start: From = None, end: To = None, group_id: UUID | None = None
) -> StreamingResponse:
    lines = exports.json_lines(exports.wanted(start, end, group_id, reader))
    return _file(lines, "usage.jsonl", "application/jsonl")


def _file(lines: AsyncIterator[str], name: str, media_type: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=media_type, headers=headers)
