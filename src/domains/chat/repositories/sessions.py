"""Named queries of sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, insert, or_, select, update

from src.domains.chat.models import Channel, Session
from src.infrastructure.database.unit_of_work import UnitOfWork

SESSIONS = Session.metadata.tables[Session.__tablename__]

# What every turn does: statements built once, on the tables. The ORM's way costs three times as much.
INSERT_SESSION = insert(SESSIONS)
CONTINUE_SESSION = update(SESSIONS).where(SESSIONS.c.id == bindparam("continued_id"))
SESSION_TO_CONTINUE = (
    select(
        SESSIONS.c.id,
        SESSIONS.c.title,
        SESSIONS.c.leaf_id,
        SESSIONS.c.profile_id,
        SESSIONS.c.model,
        SESSIONS.c.is_temporary,
        SESSIONS.c.channel,
        SESSIONS.c.masked_values,
    )
    .where(
        SESSIONS.c.id == bindparam("session_id"),
        SESSIONS.c.user_id == bindparam("user_id"),
        SESSIONS.c.deleted_at.is_(None),
    )
    .with_for_update()
)


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions are listed: only pinned ones or only others, if said; those in the trash, or the rest.

    Those that programs opened are listed by themselves.
    """

    pinned: bool | None = None
    deleted: bool = False
    channel: Channel = "chat"


class SessionRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, session: Session) -> None:
        self._uow.session.add(session)
        self._uow.session.flush()

    def insert(self, values: Mapping[str, Any]) -> None:
        self._uow.defer(INSERT_SESSION, values)

    def to_continue(self, session_id: UUID, user_id: UUID) -> RowMapping | None:
        """Return a person's session, which stays until the commit; None when it is deleted or not theirs."""
        ids = {"session_id": session_id, "user_id": user_id}
        return self._uow.connection.execute(SESSION_TO_CONTINUE, ids).mappings().first()

    def go_on(self, session_id: UUID, title: str, leaf_id: UUID, now: datetime) -> None:
        """Put the session's newest message at its end."""
        values = {"continued_id": session_id, "title": title, "leaf_id": leaf_id, "updated_at": now}
        self._uow.defer(CONTINUE_SESSION, values)

    def keep_masked(self, session_id: UUID, sealed: str) -> None:
        """Keep what the placeholders in the session's messages stand for."""
        self._uow.defer(CONTINUE_SESSION, {"continued_id": session_id, "masked_values": sealed})

    def masked_values(self, session_id: UUID) -> str | None:
        return self._uow.connection.scalar(
            select(SESSIONS.c.masked_values).where(SESSIONS.c.id == session_id)
        )

    def set_automatic_title(self, session_id: UUID, title: str) -> None:
        """Set the title, unless a person has given one."""
        automatic = SESSIONS.c.id == session_id, SESSIONS.c.title_is_automatic
        self._uow.connection.execute(update(SESSIONS).where(*automatic).values(title=title))

    def owned(self, session_id: UUID, user_id: UUID, *, for_update: bool) -> Session | None:
        """Return a person's session, also one in the trash."""
        query = select(Session).where(Session.id == session_id, Session.user_id == user_id)
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def owner(self, session_id: UUID) -> UUID:
        return self._uow.session.get_one(Session, session_id).user_id

    def page(
        self, user_id: UUID, wanted: SessionFilter, after: Session | None, limit: int
    ) -> Sequence[Session]:
        """Return those of the person's sessions that are listed, last used first."""
        query = select(Session).where(
            Session.user_id == user_id,
            Session.channel == wanted.channel,
            Session.is_temporary.is_(False),
            Session.deleted_at.is_not(None) if wanted.deleted else Session.deleted_at.is_(None),
        )
        if wanted.pinned is not None:
            is_pinned = Session.pinned_at.is_not(None)
            query = query.where(is_pinned if wanted.pinned else ~is_pinned)
        if after:
            query = query.where(
                Session.updated_at <= after.updated_at,
                or_(Session.updated_at < after.updated_at, Session.id < after.id),
            )
        query = query.order_by(Session.updated_at.desc(), Session.id.desc()).limit(limit)
        return self._uow.session.scalars(query).all()

    def delete(self, session: Session) -> None:
        self._uow.session.delete(session)
