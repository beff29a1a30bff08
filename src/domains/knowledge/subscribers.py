"""What knowledge listens to: its own events, and requests for passages."""

from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.search import IndexReplica, SearchService
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


def subscribe(
    bus: EventBus,
    documents: DocumentService,
    shelves: Shelves,
    replica: IndexReplica,
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
    bus.replicate(IndexReplica.EVENTS, replica, name=INDEX)
    bus.respond(PassagesRequested, retrieve)
