"""Exports: a session as a file, with the sources that its owner may see."""

import json
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from src.domains.chat.models import Message, Session
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.guardrail import Sealer
from src.domains.chat.services.masking import restored
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.sessions import find_session
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.language import detect_language
from src.shared.middleware.authentication import Principal

Format = Literal["markdown", "json"]

PAGE = 200
NAME_CHARACTERS = 80
NOT_IN_NAMES = set('/\\:*?"<>|')
HEADINGS = {
    "ko": {"user": "질문", "assistant": "답변", "sources": "출처"},
    "en": {"user": "Question", "assistant": "Answer", "sources": "Sources"},
}
FIELDS = ("role", "content", "status", "model", "grounded", "tokens_in", "tokens_out", "cost", "feedback")


@dataclass(frozen=True)
class Export:
    """A file that is written while it is sent."""

    name: str
    media_type: str
    pieces: AsyncIterator[str]


class ExportService:
    """Writes a page of messages after the other, so that no session is too long for the memory."""

    def __init__(self, database: Database, citations: ReadableCitations, sealer: Sealer) -> None:
        self._database = database
        self._citations = citations
        self._sealer = sealer

    async def export(self, reader: Principal, session_id: UUID, form: Format) -> Export:
        """Write the branch that is shown as Markdown, or all branches as JSON."""
        session = await self._database.read(lambda uow: find_session(uow, reader.user_id, session_id))
        if form == "markdown":
            return Export(f"{_name(session)}.md", "text/markdown", self._markdown(reader, session))
        return Export(f"{_name(session)}.json", "application/json", self._json(reader, session))

    async def _markdown(self, reader: Principal, session: Session) -> AsyncIterator[str]:
        masked = self._sealer.unseal(session.masked_values)
        headings = HEADINGS[detect_language(session.title)]
        yield f"# {' '.join(session.title.split()) or 'Chat'}\n"
        async for message, citations in self._messages(reader, session, only_shown=True):
            yield f"\n## {headings[message.role]}\n\n{restored(message.content, masked).strip()}\n"
            if citations:
                yield f"\n### {headings['sources']}\n"
            for citation in citations:
                yield _source(citation)

    async def _json(self, reader: Principal, session: Session) -> AsyncIterator[str]:
        about = {
            "id": str(session.id),
            "title": session.title,
            "created_at": session.created_at.isoformat(),
            "updated_at": session.updated_at.isoformat(),
            "shown_up_to": str(session.leaf_id) if session.leaf_id else None,
        }
        yield f'{json.dumps(about, ensure_ascii=False)[:-1]}, "messages": ['
        separator, masked = "\n", self._sealer.unseal(session.masked_values)
        async for message, citations in self._messages(reader, session, only_shown=False):
            fields = _fields(message, citations) | {"content": restored(message.content, masked)}
            yield separator + json.dumps(fields, ensure_ascii=False)
            separator = ",\n"
        yield "\n]}\n"

    async def _messages(
        self, reader: Principal, session: Session, *, only_shown: bool
    ) -> AsyncIterator[tuple[Message, Sequence[Citation]]]:
        """Yield the messages as they are; those that are deleted meanwhile are missing."""
        after: UUID | None = None

        def page(uow: UnitOfWork) -> Sequence[Message]:
            messages = MessageRepository(uow)
            if not only_shown:
                return messages.page(session.id, after, PAGE)
            return messages.shown(session.leaf_id, after, PAGE) if session.leaf_id else []

        while messages := await self._database.read(page):
            citations = await self._citations.of(messages, reader)
            for message in messages:
                yield message, citations[message.id]
            after = messages[-1].id


def _source(citation: Citation) -> str:
    where = ", ".join(part for part in (citation.title, citation.location) if part)
    quote = "\n".join(f"> {line}".rstrip() for line in citation.text.splitlines())
    return f"\n[{citation.index}] {' '.join(where.split())}\n\n{quote}\n"


def _fields(message: Message, citations: Sequence[Citation]) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "parent_id": str(message.parent_id) if message.parent_id else None,
        "created_at": message.created_at.isoformat(),
        **{field: getattr(message, field) for field in FIELDS},
        "citations": [citation.model_dump() for citation in citations],
    }


def _name(session: Session) -> str:
    """Return the title as a file may be called: nothing invisible, and no sign that a system reads otherwise."""
    title = unicodedata.normalize("NFC", " ".join(session.title.split()))
    visible = (each for each in title if unicodedata.category(each)[0] != "C" and each not in NOT_IN_NAMES)
    return "".join(visible).strip(". ")[:NAME_CHARACTERS].strip(". ") or "chat"
