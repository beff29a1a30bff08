"""What knowledge listens to: its own events, and what other domains ask."""

from collections.abc import Sequence

from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.replicas import IndexReplica, SearchEngineFeed
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.session_files import SessionFileService
from src.domains.knowledge.services.shelves import Asker, Shelves
from src.shared.events.bus import EventBus
from src.shared.events.chat import SessionDeleted
from src.shared.events.knowledge import (
    DocumentDeleted,
    PassagesRequested,
    PassagesRetrieved,
    ReadableDocumentsFound,
    ReadableDocumentsRequested,
    VersionsRemoved,
)

INDEX = "knowledge.index"
FILES = "knowledge.ingestion"
"""Named for what it did first: the name stands in databases."""
SESSIONS = "knowledge.sessions"
SHELVES = "knowledge.shelves"
MEANING = "knowledge.meaning"
SEARCH_ENGINE = "knowledge.search_engine"


def subscribe(
    bus: EventBus,
    documents: DocumentService,
    session_files: SessionFileService,
    shelves: Shelves,
    search: SearchService,
) -> None:
    async def erase_document(event: DocumentDeleted) -> None:
        await documents.erase(event.version_ids or [event.document_id])

    async def erase_versions(event: VersionsRemoved) -> None:
        await documents.erase(event.version_ids)

    async def retrieve(request: PassagesRequested) -> PassagesRetrieved:
        asker = Asker(request.group_ids, request.user_id, request.session_id)
        found = await search.search(request.query, asker, request.limit, request.collection_ids)
        return PassagesRetrieved(passages=tuple(found))

    async def find_readable(request: ReadableDocumentsRequested) -> ReadableDocumentsFound:
        found = await documents.readable(request.document_ids, request.user_id, request.group_ids)
        return ReadableDocumentsFound(document_ids=tuple(found))

    async def forget_session(event: SessionDeleted) -> None:
        await session_files.forget(event.user_id, event.session_id)

    bus.subscribe(DocumentDeleted, erase_document, name=FILES, kind="reaction")
    bus.subscribe(VersionsRemoved, erase_versions, name=FILES, kind="reaction")
    bus.subscribe(SessionDeleted, forget_session, name=SESSIONS, kind="reaction")
    bus.replicate(Shelves.EVENTS, shelves, name=SHELVES)
    bus.respond(PassagesRequested, retrieve)
    bus.respond(ReadableDocumentsRequested, find_readable)


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
