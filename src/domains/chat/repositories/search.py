"""The search over all that somebody has asked and been answered."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, String, and_, case, cast, or_, select

from src.domains.chat.models import Message, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

FOUND = (Message.id, Message.session_id, Message.role, Message.content, Message.created_at)


class MessageSearchRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def holding(
        self, user_id: UUID, words: Sequence[Sequence[str]], before: UUID | None, limit: int
    ) -> Sequence[RowMapping]:
        """Return messages that hold one form of each word, newest first. ASCII letters of either case are one."""
        held = and_(*(or_(*(_holds(form) for form in forms)) for forms in words))
        query = (
            select(*FOUND, Session.title)
            .join(Session, Message.session_id == Session.id)
            .where(
                Session.user_id == user_id,
                Session.channel == "chat",
                Session.is_temporary.is_(False),
                Session.deleted_at.is_(None),
                # Said so that PostgreSQL does not look into everybody's messages before it knows whose they are.
                case((Session.user_id == user_id, held)),
            )
        )
        if before:
            query = query.where(Message.id < before)
        # As a text, so that no engine walks the index of everybody's messages to spare itself the sorting.
        newest_first = query.order_by(cast(Message.id, String).desc()).limit(limit)
        return self._uow.session.execute(newest_first).mappings().all()


def _holds(word: str) -> ColumnElement[bool]:
    # Where no letter has two cases, PostgreSQL compares much faster without folding them.
    has_case = word.lower() != word.upper()
    return (Message.content.icontains if has_case else Message.content.contains)(word, autoescape=True)
