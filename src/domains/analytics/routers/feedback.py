"""The HTTP API of feedback, for administrators."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Security

from src.domains.analytics.dependencies import Feedbacks, From, To
from src.domains.analytics.schemas.feedback import FeedbackResponse
from src.shared.middleware.authentication import current_admin
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(
    prefix="/analytics",
    tags=["analytics"],
    dependencies=[Security(current_admin, scopes=["analytics:read"])],
)


@router.get("/feedback")
async def list_feedback(
    feedbacks: Feedbacks,
    start: From = None,
    end: To = None,
    rating: Literal["up", "down"] | None = None,
    group_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FeedbackResponse]:
    page = await feedbacks.page(start, end, rating, group_id, cursor, limit)
    return Page.of([FeedbackResponse.of(each) for each in page], limit)
