"""What knowledge listens to: its own events, and requests for passages."""

from src.domains.knowledge.services.documents import IngestionService
from src.domains.knowledge.services.search import IndexReplica, SearchService
from src.domains.knowledge.services.shelves import Shelves
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import (
    DocumentDeleted,
    DocumentUploaded,
    PassagesRequested,
    PassagesRetrieved,
)

INDEX = "knowledge.index"
INGESTION = "knowledge.ingestion"
SHELVES = "knowledge.shelves"


def subscribe(
    bus: EventBus,
    ingestion: IngestionService,
    shelves: Shelves,
    replica: IndexReplica,
    search: SearchService,
) -> None:
    async def ingest(event: DocumentUploaded) -> None:
        await ingestion.ingest(event.document_id)

    async def give_up(event: DocumentUploaded) -> None:
        await ingestion.give_up(event.document_id)

    async def erase(event: DocumentDeleted) -> None:
        await ingestion.erase(event.document_id)

    async def retrieve(request: PassagesRequested) -> PassagesRetrieved:
        found = await search.search(request.query, request.group_ids, request.limit)
        return PassagesRetrieved(passages=tuple(found))

    bus.subscribe(DocumentUploaded, ingest, name=INGESTION, kind="reaction", give_up=give_up)
    bus.subscribe(DocumentDeleted, erase, name=INGESTION, kind="reaction")
    bus.replicate(Shelves.EVENTS, shelves, name=SHELVES)
    bus.replicate(IndexReplica.EVENTS, replica, name=INDEX)
    bus.respond(PassagesRequested, retrieve)
