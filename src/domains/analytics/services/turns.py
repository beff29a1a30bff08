"""What people ask, learnt from events: a row for each answer that was asked for, and sums of them."""

from typing import Any
from uuid import UUID

from src.domains.analytics.repositories.turns import TurnRepository
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.sketch import bin_of
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.chat import (
    ChatAnswerRequestedAgain,
    ChatMessageBlocked,
    ChatMessageReceived,
    ChatModelUsed,
    ChatResponseFailed,
    ChatResponseGenerated,
    FeedbackGiven,
    FeedbackWithdrawn,
    SessionDeleted,
)

DOLLAR = 1_000_000_000
"""What costs are counted in: billionths, so that sums are exact."""
NO_PROFILE = UUID(int=0)
"""The platform's own assistant."""


class TurnProjection:
    """Keeps a row a turn, and the buckets. Called by the projection, inside its transaction."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def ask(self, uow: UnitOfWork, event: ChatMessageReceived) -> None:
        self._add(uow, event, event.message_id)

    def ask_again(self, uow: UnitOfWork, event: ChatAnswerRequestedAgain) -> None:
        self._add(uow, event, event.question_id, is_again=True)

    def block(self, uow: UnitOfWork, event: ChatMessageBlocked) -> None:
        self._add(uow, event, event.message_id, outcome="blocked")

    def _add(
        self,
        uow: UnitOfWork,
        event: ChatMessageReceived | ChatAnswerRequestedAgain | ChatMessageBlocked,
        question_id: UUID,
        *,
        is_again: bool = False,
        outcome: str = "pending",
    ) -> None:
        turn = {
            "answer_id": event.answer_id,
            "question_id": question_id,
            "is_again": is_again,
            "session_id": event.session_id,
            "user_id": event.user_id,
            "channel": _door(event),
            "profile_id": event.profile_id or NO_PROFILE,
            "asked_at": event.occurred_at,
            "hour": self._calendar.hour(event.occurred_at),
            "day": self._calendar.day(event.occurred_at),
            "outcome": outcome,
        }
        TurnRepository(uow).add(turn, event.group_ids)

    def answer(self, uow: UnitOfWork, event: ChatResponseGenerated) -> None:
        values: dict[str, Any] = {
            "outcome": "completed",
            "model": event.model,
            "grounded": event.grounded,
            "first_token_bin": bin_of(event.first_token_ms),
            "total_bin": bin_of(event.total_ms),
        }
        TurnRepository(uow).finish(event.message_id, values)
        self._use(uow, event.message_id, event)

    def fail(self, uow: UnitOfWork, event: ChatResponseFailed) -> None:
        TurnRepository(uow).finish(event.message_id, {"outcome": "failed", "model": event.model})
        self._use(uow, event.message_id, event)

    def use(self, uow: UnitOfWork, event: ChatModelUsed) -> None:
        """A title or a summary costs, too."""
        self._use(uow, event.answer_id, event)

    def _use(
        self,
        uow: UnitOfWork,
        answer_id: UUID,
        event: ChatResponseGenerated | ChatResponseFailed | ChatModelUsed,
    ) -> None:
        if event.tokens_in or event.tokens_out:
            cost = round(event.cost * DOLLAR)
            TurnRepository(uow).add_usage(answer_id, event.tokens_in, event.tokens_out, cost)

    def abandon(self, uow: UnitOfWork, event: SessionDeleted) -> None:
        """An answer that was still being written when its session was deleted will never be told of."""
        TurnRepository(uow).abandon(event.session_id)

    def rate(self, uow: UnitOfWork, event: FeedbackGiven) -> None:
        TurnRepository(uow).rate(event.message_id, event.rating)

    def withdraw(self, uow: UnitOfWork, event: FeedbackWithdrawn) -> None:
        TurnRepository(uow).rate(event.message_id, None)

    def sum_up(self, uow: UnitOfWork) -> None:
        """Bring the buckets up to date after a batch of events."""
        TurnRepository(uow).sum_up()

    def clear(self, uow: UnitOfWork) -> None:
        """Delete every row: a replay of the log makes them anew."""
        TurnRepository(uow).delete_all()


def _door(event: ChatMessageReceived | ChatAnswerRequestedAgain | ChatMessageBlocked) -> str:
    """Return by which door it came: `openai`, or of chat's own the `page`, the `api`, an `api_key`."""
    if event.channel != "chat":
        return event.channel
    return event.origin.channel if event.origin else "api"
