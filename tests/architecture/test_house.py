"""What runs is what the plan says: who listens to what."""

import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

from src.domains.knowledge import subscribers as knowledge_subscribers
from src.domains.knowledge.services.replicas import IndexReplica
from src.infrastructure.container import Container
from src.infrastructure.container.lifecycle import subscribe
from src.infrastructure.settings import KnowledgeSettings, OpenSearchSettings, Settings

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
ROW = re.compile(r"\| `(?P<name>[\w.]+)` \| (?P<kind>projection|reaction|local) \| (?P<events>[^|]+) \|")

Map = dict[str, tuple[str, list[str]]]


def test_the_map_of_subscriptions_is_as_documented(settings: Settings) -> None:
    """Those of a platform that searches on this machine, in a change of models, and by a service outside."""
    outside = settings.model_copy(
        update={
            "knowledge": KnowledgeSettings(index="opensearch", embeddings="none"),
            "opensearch": OpenSearchSettings(url="http://127.0.0.1:9"),
        }
    )
    assert wired(settings, "new", "old") | wired(outside) == dict(documented())


def wired(settings: Settings, *models: str) -> Map:
    container = Container(settings=settings, pending_migrations=lambda _connection: [])
    subscribe(container)
    replicas = [IndexReplica(Mock(), Mock(), model) for model in models]
    knowledge_subscribers.keep_vectors(container.bus(), replicas)
    return {each.name: (each.kind, sorted(each.event_types)) for each in container.bus().subscriptions}


def documented() -> Iterator[tuple[str, tuple[str, list[str]]]]:
    for row in ROW.finditer(ARCHITECTURE.read_text()):
        yield row["name"], (row["kind"], sorted(re.findall(r"`([\w.]+)`", row["events"])))
