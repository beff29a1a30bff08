"""Named queries of shares."""

from uuid import UUID

from sqlalchemy import select

from src.domains.chat.models import Session, Share
from src.infrastructure.database.unit_of_work import UnitOfWork


class ShareRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, share: Share) -> None:
        self._uow.session.add(share)
        self._uow.session.flush()

    def of(self, session_id: UUID) -> Share | None:
        return self._uow.session.get(Share, session_id)

    def by_token(self, token: str) -> tuple[Share, Session] | None:
        """Return a share with its session, unless that is in the trash."""
        query = select(Share, Session).join(Session, Share.session_id == Session.id)
        row = self._uow.session.execute(
            query.where(Share.token == token, Session.deleted_at.is_(None))
        ).one_or_none()
        return (row[0], row[1]) if row else None

    def delete(self, share: Share) -> None:
        self._uow.session.delete(share)
