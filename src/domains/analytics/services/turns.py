"""What people ask, learnt from events: a row for each answer that was asked for."""

from uuid import UUID
from zoneinfo import ZoneInfo

from src.domains.analytics.repositories.turns import TurnRepository
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.chat import (
    ChatAnswerRequestedAgain,
    ChatMessageReceived,
    ChatModelUsed,
    ChatResponseFailed,
    ChatResponseGenerated,
    FeedbackGiven,
    FeedbackWithdrawn,
    SessionDeleted,
)

FIGURES = {"model", "grounded", "first_token_ms", "total_ms"}


class TurnProjection:
    """Keeps a row a turn. Called by the projection, inside its transaction."""

    def __init__(self, time_zone: ZoneInfo) -> None:
        self._time_zone = time_zone

    def ask(self, uow: UnitOfWork, event: ChatMessageReceived) -> None:
        self._add(uow, event, event.message_id, is_again=False)

    def ask_again(self, uow: UnitOfWork, event: ChatAnswerRequestedAgain) -> None:
        self._add(uow, event, event.question_id, is_again=True)

    def _add(
        self,
        uow: UnitOfWork,
        event: ChatMessageReceived | ChatAnswerRequestedAgain,
        question_id: UUID,
        *,
        is_again: bool,
    ) -> None:
        turn = {
            "answer_id": event.answer_id,
            "question_id": question_id,
            "is_again": is_again,
            "session_id": event.session_id,
            "user_id": event.user_id,
            "asked_at": event.occurred_at,
            "day": event.occurred_at.astimezone(self._time_zone).date(),
            "outcome": "pending",
        }
        TurnRepository(uow).add(turn, event.group_ids)

    def answer(self, uow: UnitOfWork, event: ChatResponseGenerated) -> None:
        values = {"outcome": "completed", **event.model_dump(include=FIGURES)}
        TurnRepository(uow).finish(event.message_id, values)
        self._use(uow, event.message_id, event)

    def fail(self, uow: UnitOfWork, event: ChatResponseFailed) -> None:
        TurnRepository(uow).finish(event.message_id, {"outcome": "failed"})
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
            TurnRepository(uow).add_usage(answer_id, event.tokens_in, event.tokens_out, event.cost)

    def abandon(self, uow: UnitOfWork, event: SessionDeleted) -> None:
        """An answer that was still being written when its session was deleted will never be told of."""
        TurnRepository(uow).abandon(event.session_id)

    def rate(self, uow: UnitOfWork, event: FeedbackGiven) -> None:
        TurnRepository(uow).rate(event.message_id, event.rating)

    def withdraw(self, uow: UnitOfWork, event: FeedbackWithdrawn) -> None:
        TurnRepository(uow).rate(event.message_id, None)

    def clear(self, uow: UnitOfWork) -> None:
        """Delete every row: a replay of the log makes them anew."""
        TurnRepository(uow).delete_all()
