"""What knowledge listens to: its own events, and requests for passages."""

from collections.abc import Sequence

from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.replicas import IndexReplica, SearchEngineFeed
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.shelves import Shelves
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import (
    DocumentDeleted,
    PassagesRequested,
    PassagesRetrieved,
    VersionsRemoved,
)

INDEX = "knowledge.index"
FILES = "knowledge.ingestion"
"""Named for what it did first: the name stands in databases."""
SHELVES = "knowledge.shelves"
MEANING = "knowledge.meaning"
SEARCH_ENGINE = "knowledge.search_engine"


def subscribe(
    bus: EventBus,
    documents: DocumentService,
    shelves: Shelves,
    search: SearchService,
) -> None:
    async def erase_document(event: DocumentDeleted) -> None:
        await documents.erase(event.version_ids or [event.document_id])

    async def erase_versions(event: VersionsRemoved) -> None:
        await documents.erase(event.version_ids)

    async def retrieve(request: PassagesRequested) -> PassagesRetrieved:
        found = await search.search(request.query, request.group_ids, request.limit)
        return PassagesRetrieved(passages=tuple(found))

    bus.subscribe(DocumentDeleted, erase_document, name=FILES, kind="reaction")
    bus.subscribe(VersionsRemoved, erase_versions, name=FILES, kind="reaction")
    bus.replicate(Shelves.EVENTS, shelves, name=SHELVES)
    bus.respond(PassagesRequested, retrieve)


def keep_index(bus: EventBus, replica: IndexReplica) -> None:
    """Keep this machine's index of words in step."""
    bus.replicate(replica.events, replica, name=INDEX)


def keep_vectors(bus: EventBus, replicas: Sequence[IndexReplica]) -> None:
    """Keep the vectors of the model in use in step, and those of the one before while there are some."""
    for replica, name in zip(replicas, (MEANING, f"{MEANING}.before"), strict=False):
        bus.replicate(replica.events, replica, name=name)


def feed(bus: EventBus, engine: SearchEngineFeed) -> None:
    """Tell a search service outside of every change, at least once."""
    for event in SearchEngineFeed.EVENTS:
        bus.subscribe(event, engine.bring, name=SEARCH_ENGINE, kind="reaction")
