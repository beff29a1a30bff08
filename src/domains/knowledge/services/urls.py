"""Pages and files that are named by their address, as sources of documents."""

from uuid import UUID

from src.domains.knowledge.services.collections import ManagedCollection
from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.ports import Fetcher
from src.domains.knowledge.services.versions import Upload
from src.infrastructure.database.database import Database
from src.shared.middleware.authentication import Principal


class UrlService:
    """Takes in what is served at an address as if it had been uploaded."""

    def __init__(self, database: Database, fetcher: Fetcher, documents: DocumentService) -> None:
        self._database = database
        self._fetcher = fetcher
        self._documents = documents

    async def take_in(self, asker: Principal, collection_id: UUID, url: str) -> Upload:
        """Fetch the page and queue it for reading; the address it is served at is what it is known by."""
        collection = ManagedCollection(collection_id)
        await self._database.read(lambda uow: collection.find(uow, asker))
        fetched = await self._fetcher.fetch(url)
        with fetched.content as content:
            return await self._documents.upload(
                asker, collection, fetched.file_name, content, fetched.size_bytes, source=fetched.url
            )
