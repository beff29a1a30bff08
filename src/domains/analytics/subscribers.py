"""What analytics listens to: chat's turns and the feedback on them."""

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


def subscribe(bus: EventBus, projection: TurnProjection) -> None:
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
