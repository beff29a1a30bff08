"""The search over all that somebody has asked and been answered."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, String, cast, or_, select

from src.domains.chat.models import Message, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

ESCAPE = "\\"

FOUND = (Message.id, Message.session_id, Message.role, Message.content, Message.created_at)


class MessageSearchRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def holding(
        self, user_id: UUID, words: Sequence[Sequence[str]], before: UUID | None, limit: int
    ) -> Sequence[RowMapping]:
        """Return messages that hold one form of each word, newest first: all of them, and maybe some more.

        Databases differ in which letters have two cases, so a letter outside ASCII that has fits any other.
        """
        query = (
            select(*FOUND, Session.title)
            .join(Session, Message.session_id == Session.id)
            .where(
                Session.user_id == user_id,
                Session.channel == "chat",
                Session.is_temporary.is_(False),
                Session.deleted_at.is_(None),
                *(or_(*(_holds(form) for form in forms)) for forms in words),
            )
        )
        if before:
            query = query.where(Message.id < before)
        # As a text, so that no engine walks the index of everybody's messages to spare itself the sorting.
        newest_first = query.order_by(cast(Message.id, String).desc()).limit(limit)
        return self._uow.session.execute(newest_first).mappings().all()


def _holds(word: str) -> ColumnElement[bool]:
    pattern = f"%{''.join(map(_pattern, word))}%"
    # Where no letter has two cases, PostgreSQL compares much faster without folding them.
    has_case = pattern.lower() != pattern.upper()
    return (Message.content.ilike if has_case else Message.content.like)(pattern, escape=ESCAPE)


def _pattern(character: str) -> str:
    if character in f"%_{ESCAPE}":
        return ESCAPE + character
    return character if character.isascii() or character.lower() == character.upper() else "_"
