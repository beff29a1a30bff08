"""Of every event it was decided whether the audit log tells it."""

from src.domains.auth.services.audit import AUDITED
from src.shared.events import auth, chat, knowledge
from src.shared.events.base import DomainEvent, DomainRequest

UNTOLD: dict[type[DomainEvent], str] = {
    chat.ChatMessageReceived: "what people ask is theirs; analytics counts it",
    chat.ChatAnswerRequestedAgain: "the same",
    chat.ChatResponseGenerated: "the platform's own doing",
    chat.ChatResponseFailed: "the platform's own doing",
    chat.ChatModelUsed: "the platform's own doing",
    chat.ChatMessageBlocked: "what people ask is theirs; analytics counts it",
    chat.GuardrailIntervened: "the platform's own doing",
    chat.BudgetNearlyUsed: "the platform's own doing",
    chat.BudgetExceeded: "the platform's own doing",
    chat.FeedbackGiven: "an opinion",
    chat.FeedbackWithdrawn: "an opinion",
    knowledge.CollectionReadersChanged: "told by CollectionChanged, which knows what was before",
    knowledge.PassagesChanged: "the platform's own doing",
    knowledge.PassagesEmbedded: "the platform's own doing",
    knowledge.EarlierVectorsDeleted: "the platform's own doing",
    knowledge.DocumentReady: "the platform's own doing",
    knowledge.DocumentFailed: "the platform's own doing",
    knowledge.VersionsRemoved: "follows from an upload, which is told",
    knowledge.PassagesRetrieved: "an answer, never in the log",
    knowledge.ReadableDocumentsFound: "an answer, never in the log",
}
"""Events that the audit log leaves out, and why."""


def test_every_event_is_audited_or_left_out_for_a_reason() -> None:
    events = {
        event
        for module in (auth, chat, knowledge)
        for event in vars(module).values()
        if isinstance(event, type)
        and issubclass(event, DomainEvent)
        and event.__module__ == module.__name__
        and not issubclass(event, DomainRequest)
    }
    undecided = events - AUDITED.keys() - UNTOLD.keys()
    assert not undecided, f"Add to AUDITED in services/audit.py, or with a reason to UNTOLD here: {undecided}"
    assert not AUDITED.keys() & UNTOLD.keys()
    assert all(audited.field in event.model_fields for event, audited in AUDITED.items())
    assert all(not audited.actor or audited.actor in event.model_fields for event, audited in AUDITED.items())
    assert all(not event.personal for event in AUDITED), "the audit log holds none of people's own text"
