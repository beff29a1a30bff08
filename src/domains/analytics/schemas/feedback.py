"""Response models of feedback."""

from datetime import datetime
from typing import Self

from src.domains.analytics.models import Feedback
from src.shared.schemas import ItemModel


class FeedbackResponse(ItemModel):
    """What somebody said of an answer, whose `id` it has."""

    rated_at: datetime
    rating: str
    reasons: list[str]
    comment: str

    @classmethod
    def of(cls, feedback: Feedback) -> Self:
        return cls(
            id=feedback.answer_id,
            rated_at=feedback.rated_at,
            rating=feedback.rating,
            reasons=feedback.reasons,
            comment=feedback.comment,
        )
