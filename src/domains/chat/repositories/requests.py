"""Named queries of requests that their senders gave a name."""

from datetime import datetime
from uuid import UUID

from src.domains.chat.models import IdempotencyKey
from src.infrastructure.database.unit_of_work import UnitOfWork


class RequestRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find(self, user_id: UUID, key: str) -> IdempotencyKey | None:
        return self._uow.session.get(IdempotencyKey, (user_id, key))

    def add(self, user_id: UUID, key: str, fingerprint: str, answer_id: UUID, now: datetime) -> None:
        request = IdempotencyKey(
            user_id=user_id, key=key, fingerprint=fingerprint, answer_id=answer_id, created_at=now
        )
        self._uow.session.add(request)
        self._uow.session.flush()
