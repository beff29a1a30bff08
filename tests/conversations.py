"""Conversations of some time ago, put into the database: to have them would take long."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from src.domains.chat.models import CitedDocument, Message, Session
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from tests.builders import Person, Platform

THEN = datetime(2026, 11, 1, 9, tzinfo=UTC)


def database_of(platform: Platform) -> Database:
    database: Database = platform.app.state.sessions._database
    return database


def citation_of(document_id: UUID) -> dict[str, Any]:
    return {
        "index": 1,
        "document_id": str(document_id),
        "passage_id": str(uuid7()),
        "title": "leave.md",
        "location": "Leave",
        "text": "Annual leave is 25 days a year.",
    }


async def a_conversation(
    platform: Platform,
    person: Person,
    texts: Sequence[str],
    *,
    cites: Sequence[UUID] = (),
    **session: Any,
) -> tuple[str, list[str]]:
    """Save a session in which these were said in turn, every answer citing these documents; return the ids."""
    ids = [uuid7() for _ in texts]

    def save(uow: UnitOfWork) -> str:
        values = {"title": "A talk", "created_at": THEN, "updated_at": THEN, **session}
        conversation = Session(user_id=UUID(person.id), leaf_id=ids[-1], **values)
        uow.session.add(conversation)
        uow.session.flush()
        for number, text in enumerate(texts):
            uow.session.add(
                Message(
                    id=ids[number],
                    session_id=conversation.id,
                    parent_id=ids[number - 1] if number else None,
                    role="assistant" if number % 2 else "user",
                    content=text,
                    created_at=THEN,
                    status="completed",
                    citations=[citation_of(document_id) for document_id in cites] if number % 2 else [],
                )
            )
        uow.session.flush()
        uow.session.add_all(
            CitedDocument(message_id=id, document_id=document_id) for id in ids[1::2] for document_id in cites
        )
        return str(conversation.id)

    return await database_of(platform).write(save), [str(id) for id in ids]
