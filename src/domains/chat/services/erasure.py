"""What answers hold of a document goes with it."""

from datetime import timedelta
from uuid import UUID

from src.domains.chat.repositories.citations import CitationRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now

CHUNK = 200
LOOKED_FOR = timedelta(days=1)
"""Longer than any answer takes that was given passages of a document before it was deleted."""


class DeletedDocuments:
    """Takes the citations of documents that are gone out of the answers.

    Nobody is shown them any more, whatever is still to do: readers' rights to a document end with it. So there
    is time to go in small pieces, and everybody who writes waits for one of them at most.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, document_id: UUID) -> None:
        await self._database.write(lambda uow: CitationRepository(uow).note_deleted(document_id, utc_now()))
        await self._erase_citations()

    async def erase_late_citations(self) -> None:
        """Erase what answers hold that were being written when the document was deleted."""
        await self._erase_citations()
        before = utc_now() - LOOKED_FOR
        await self._database.write(lambda uow: CitationRepository(uow).forget_deleted(before))

    async def _erase_citations(self) -> None:
        while await self._database.write(_erase_chunk, alone=True):
            pass


def _erase_chunk(uow: UnitOfWork) -> bool:
    """Clean some answers; tell whether there were any."""
    repository = CitationRepository(uow)
    message_ids, document_ids = repository.citing_deleted(CHUNK)
    if not message_ids:
        return False
    gone = set(map(str, document_ids))
    saved = repository.saved(message_ids)
    repository.replace(
        {
            id: [each for each in citations if each["document_id"] not in gone]
            for id, citations in saved.items()
        }
    )
    repository.uncite(message_ids, document_ids)
    return True
