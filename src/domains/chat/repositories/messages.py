"""Named queries of messages."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, bindparam, insert, literal, or_, select, update

from src.domains.chat.models import CitedDocument, Message, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

MESSAGES = Message.metadata.tables[Message.__tablename__]
SESSIONS = Message.metadata.tables[Session.__tablename__]
CITED_DOCUMENTS = Message.metadata.tables[CitedDocument.__tablename__]

# What every turn does: statements built once, on the tables. The ORM's way costs three times as much.
INSERT_MESSAGE = insert(MESSAGES)
# None for an answer that was erased meanwhile.
INSERT_CITED_DOCUMENT = insert(CITED_DOCUMENTS).from_select(
    ["message_id", "document_id"],
    select(MESSAGES.c.id, bindparam("cited_id", type_=CITED_DOCUMENTS.c.document_id.type)).where(
        MESSAGES.c.id == bindparam("citing_id")
    ),
)
CHANGE_PENDING = update(MESSAGES).where(
    MESSAGES.c.id == bindparam("message_id"), MESSAGES.c.status == "pending"
)


def _branch() -> Select[Any]:
    columns = [MESSAGES.c[name] for name in ("id", "parent_id", "role", "content", "status", "summary")]
    start = select(*columns, literal(1).label("depth")).where(MESSAGES.c.id == bindparam("leaf_id"))
    below = start.cte("branch", recursive=True)
    above = (
        select(*columns, below.c.depth + 1)
        .join(below, MESSAGES.c.id == below.c.parent_id)
        .where(below.c.depth < bindparam("most"), below.c.summary.is_(None))
    )
    return select(below.union_all(above))


BRANCH = _branch()
STATES = (
    select(MESSAGES, SESSIONS.c.masked_values)
    .join(SESSIONS, SESSIONS.c.id == MESSAGES.c.session_id)
    .where(MESSAGES.c.id.in_(bindparam("ids", expanding=True)))
)


def _up_from(leaf_id: UUID) -> Select[Any]:
    """Select the ids of a message and of all that it follows."""
    leaf = select(MESSAGES.c.id, MESSAGES.c.parent_id).where(MESSAGES.c.id == leaf_id)
    below = leaf.cte("shown", recursive=True)
    above = select(MESSAGES.c.id, MESSAGES.c.parent_id).join(below, MESSAGES.c.id == below.c.parent_id)
    return select(below.union_all(above).c.id)


def _newest_below(message_id: UUID) -> Select[Any]:
    above = select(MESSAGES.c.id).where(MESSAGES.c.id == message_id).cte("newest", recursive=True)
    child = select(MESSAGES.c.id).where(MESSAGES.c.parent_id == above.c.id)
    newest_child = child.order_by(MESSAGES.c.id.desc()).limit(1).scalar_subquery()
    newest = above.union_all(select(newest_child).select_from(above).where(above.c.id.is_not(None)))
    return select(newest.c.id).where(newest.c.id.is_not(None)).order_by(newest.c.id.desc()).limit(1)


class MessageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def insert(self, values: Mapping[str, Any]) -> None:
        self._uow.defer(INSERT_MESSAGE, values)

    def finish(self, message_id: UUID, values: Mapping[str, Any]) -> None:
        """Set what became of a pending answer; `NothingChanged` when it has ended or was deleted meanwhile."""
        self._uow.defer(CHANGE_PENDING, {"message_id": message_id, **values}, must_match=True)

    def save_progress(self, message_id: UUID, values: Mapping[str, Any]) -> None:
        """Save what there is of a pending answer."""
        self._uow.defer(CHANGE_PENDING, {"message_id": message_id, **values})

    def add_cited_document(self, message_id: UUID, document_id: UUID) -> None:
        self._uow.defer(INSERT_CITED_DOCUMENT, {"citing_id": message_id, "cited_id": document_id})

    def set_summary(self, message_id: UUID, summary: str) -> None:
        self._uow.connection.execute(
            update(MESSAGES).where(MESSAGES.c.id == message_id).values(summary=summary)
        )

    def request_stop(self, message_id: UUID) -> None:
        self._uow.defer(CHANGE_PENDING, {"message_id": message_id, "stop_requested": True})

    def to_stop(self, message_ids: Collection[UUID]) -> Sequence[UUID]:
        """Return those of the answers that are to be stopped."""
        query = select(MESSAGES.c.id).where(MESSAGES.c.id.in_(message_ids), MESSAGES.c.stop_requested)
        return self._uow.connection.scalars(query).all()

    def states(self, message_ids: Collection[UUID]) -> Sequence[RowMapping]:
        """Return the answers as they are saved, with what was masked in their sessions."""
        return self._uow.connection.execute(STATES, {"ids": list(message_ids)}).mappings().all()

    def owned(self, message_id: UUID, user_id: UUID, *, for_update: bool) -> Message | None:
        query = select(Message).join(Session, Message.session_id == Session.id)
        query = query.where(
            Message.id == message_id, Session.user_id == user_id, Session.deleted_at.is_(None)
        )
        return self._uow.session.scalar(query.with_for_update(of=Message) if for_update else query)

    def shown(self, leaf_id: UUID, after: UUID | None, limit: int) -> Sequence[Message]:
        """Return the messages from the first one to the leaf, oldest first: a parent's id is below its child's."""
        query = select(Message).where(Message.id.in_(_up_from(leaf_id))).order_by(Message.id)
        return self._uow.session.scalars(
            (query.where(Message.id > after) if after else query).limit(limit)
        ).all()

    def newest_below(self, message_id: UUID) -> UUID:
        """Return where one comes to by going on to the newest child, again and again."""
        newest: UUID = self._uow.session.scalars(_newest_below(message_id)).one()
        return newest

    def siblings(
        self, session_id: UUID, parent_ids: Collection[UUID | None]
    ) -> dict[UUID | None, list[UUID]]:
        """Return the children of each of these messages in the session, oldest first; of None: the first ones."""
        query = select(Message.parent_id, Message.id).where(Message.session_id == session_id)
        is_child = Message.parent_id.in_([each for each in parent_ids if each])
        query = query.where(or_(is_child, Message.parent_id.is_(None)) if None in parent_ids else is_child)
        children: dict[UUID | None, list[UUID]] = {}
        for parent_id, child_id in self._uow.session.execute(query.order_by(Message.id)):
            children.setdefault(parent_id, []).append(child_id)
        return children

    def page(self, session_id: UUID, after: UUID | None, limit: int) -> Sequence[Message]:
        """Return a session's messages of all branches, oldest first."""
        query = select(Message).where(Message.session_id == session_id).order_by(Message.id)
        return self._uow.session.scalars(
            (query.where(Message.id > after) if after else query).limit(limit)
        ).all()

    def branch(self, leaf_id: UUID, most: int) -> list[RowMapping]:
        """Return the last messages up to this one, oldest first; none before one that has a summary."""
        rows = self._uow.connection.execute(BRANCH, {"leaf_id": leaf_id, "most": most}).mappings().all()
        return sorted(rows, key=lambda row: row["depth"], reverse=True)

    def prolong(self, message_ids: Collection[UUID], until: datetime) -> None:
        running = MESSAGES.c.id.in_(message_ids), MESSAGES.c.status == "pending"
        self._uow.connection.execute(update(MESSAGES).where(*running).values(leased_until=until))

    def abandoned(self, before: datetime | None) -> Sequence[Message]:
        """Return pending answers whose lease ended before the moment; all that are pending without one."""
        query = select(Message).where(Message.status == "pending").with_for_update(skip_locked=True)
        return self._uow.session.scalars(
            query.where(Message.leased_until < before) if before else query
        ).all()
