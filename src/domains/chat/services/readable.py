"""Saved citations as somebody may see them now: rights and documents change after an answer was given."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import structlog

from src.domains.chat.models import Message
from src.domains.chat.services.citations import Citation
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import ReadableDocumentsRequested
from src.shared.middleware.authentication import Principal

log = structlog.get_logger(__name__)

MOST_DOCUMENTS = 1_000
"""How many are asked about at once; a page of messages hardly cites as many."""


class ReadableCitations:
    """Asks knowledge which of the cited documents a reader may read now; without an answer, none."""

    def __init__(self, bus: EventBus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def of(self, messages: Sequence[Message], reader: Principal) -> Mapping[UUID, list[Citation]]:
        """Return by the messages' ids those of their citations that the reader may see."""
        saved = {each.id: [Citation.model_validate(one) for one in each.citations] for each in messages}
        readable = await self.documents([each for citations in saved.values() for each in citations], reader)
        return {
            id: [each for each in citations if each.document_id in readable]
            for id, citations in saved.items()
        }

    async def documents(self, citations: Iterable[Citation], reader: Principal) -> set[str]:
        """Return the ids of the cited documents that the reader may read."""
        cited = sorted({citation.document_id for citation in citations})
        readable: set[str] = set()
        for start in range(0, len(cited), MOST_DOCUMENTS):
            request = ReadableDocumentsRequested(
                document_ids=tuple(map(UUID, cited[start : start + MOST_DOCUMENTS])),
                user_id=reader.user_id,
                group_ids=reader.group_ids,
            )
            try:
                found = await self._bus.request(request, timeout=self._timeout)
            except Exception:  # what cannot be checked is not shown
                log.exception("rights_unavailable")
                return set()
            readable.update(map(str, found.document_ids))
        return readable
