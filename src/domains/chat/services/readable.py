"""Saved citations as somebody may see them now: rights and documents change after an answer was given."""

from collections.abc import Mapping, Sequence
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
    """Asks knowledge which of the cited documents the reader may read now; without an answer, none."""

    def __init__(self, bus: EventBus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def of(self, messages: Sequence[Message], reader: Principal) -> Mapping[UUID, list[Citation]]:
        """Return by the messages' ids those of their citations that the reader may see."""
        cited = sorted({citation["document_id"] for message in messages for citation in message.citations})
        readable = await self._readable([UUID(each) for each in cited], reader)
        return {
            message.id: [
                Citation.model_validate(citation)
                for citation in message.citations
                if UUID(citation["document_id"]) in readable
            ]
            for message in messages
        }

    async def _readable(self, document_ids: Sequence[UUID], reader: Principal) -> set[UUID]:
        readable: set[UUID] = set()
        for start in range(0, len(document_ids), MOST_DOCUMENTS):
            request = ReadableDocumentsRequested(
                document_ids=tuple(document_ids[start : start + MOST_DOCUMENTS]),
                user_id=reader.user_id,
                group_ids=reader.group_ids,
            )
            try:
                found = await self._bus.request(request, timeout=self._timeout)
            except Exception:  # what cannot be checked is not shown
                log.exception("rights_unavailable")
                return set()
            readable.update(found.document_ids)
        return readable
