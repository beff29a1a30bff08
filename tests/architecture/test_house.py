"""What runs is what the plan says: who listens to what."""

from src.infrastructure.container import Container, subscribe
from src.infrastructure.settings import Settings


def test_the_map_of_subscriptions_is_as_documented(settings: Settings) -> None:
    """docs/architecture.md shows this table; change both together."""
    container = Container(settings=settings, pending_migrations=lambda _connection: [])
    subscribe(container)
    wired = {each.name: (each.kind, sorted(each.event_types)) for each in container.bus().subscriptions}
    assert wired == {
        "auth.directory": (
            "local",
            ["auth.signed_out", "auth.user_registered", "auth.user_rights_changed"],
        ),
        "knowledge.index": ("local", ["knowledge.document_deleted", "knowledge.passages_changed"]),
        "knowledge.shelves": (
            "local",
            ["knowledge.collection_deleted", "knowledge.collection_readers_changed"],
        ),
        "knowledge.ingestion": (
            "reaction",
            ["knowledge.document_deleted", "knowledge.versions_removed"],
        ),
        "analytics.turns": (
            "projection",
            [
                "chat.feedback_given",
                "chat.message_received",
                "chat.response_failed",
                "chat.response_generated",
                "chat.session_deleted",
            ],
        ),
    }
