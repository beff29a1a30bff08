"""What analytics listens to: chat's turns and the feedback on them."""

from src.domains.analytics.services.feedback import FeedbackProjection
from src.domains.analytics.services.turns import TurnProjection
from src.shared.events.bus import EventBus
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

TURNS = "analytics.turns"
FEEDBACK = "analytics.feedback"


def subscribe(bus: EventBus, projection: TurnProjection, feedback: FeedbackProjection) -> None:
    bus.subscribe(ChatMessageReceived, projection.ask, name=TURNS, kind="projection")
    bus.subscribe(ChatAnswerRequestedAgain, projection.ask_again, name=TURNS, kind="projection")
    bus.subscribe(ChatMessageBlocked, projection.block, name=TURNS, kind="projection")
    bus.subscribe(ChatModelUsed, projection.use, name=TURNS, kind="projection")
    bus.subscribe(ChatResponseGenerated, projection.answer, name=TURNS, kind="projection")
    bus.subscribe(ChatResponseFailed, projection.fail, name=TURNS, kind="projection")
    bus.subscribe(SessionDeleted, projection.abandon, name=TURNS, kind="projection")
    bus.subscribe(FeedbackGiven, projection.rate, name=TURNS, kind="projection")
    bus.subscribe(FeedbackWithdrawn, projection.withdraw, name=TURNS, kind="projection")
    bus.sum_up_with(projection.sum_up, name=TURNS)
    bus.rebuild_with(projection.clear, name=TURNS)
    bus.subscribe(FeedbackGiven, feedback.give, name=FEEDBACK, kind="projection")
    bus.subscribe(FeedbackWithdrawn, feedback.withdraw, name=FEEDBACK, kind="projection")
    bus.subscribe(SessionDeleted, feedback.forget, name=FEEDBACK, kind="projection")
    bus.rebuild_with(feedback.clear, name=FEEDBACK)
