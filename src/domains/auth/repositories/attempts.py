"""Named queries of counted attempts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select

from src.domains.auth.models import AttemptCount
from src.infrastructure.database.unit_of_work import UnitOfWork


class AttemptRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def get(self, key_hash: bytes) -> AttemptCount | None:
        return self._uow.session.get(AttemptCount, key_hash)

    def closed_until(self, key_hashes: Sequence[bytes]) -> datetime | None:
        """Return when the last of the keys opens."""
        query = select(func.max(AttemptCount.closed_until)).where(AttemptCount.key_hash.in_(key_hashes))
        return self._uow.session.scalar(query)

    def save(self, count: AttemptCount) -> None:
        self._uow.session.merge(count)
        self._uow.session.flush()

    def delete(self, key_hash: bytes) -> None:
        self._uow.session.execute(delete(AttemptCount).where(AttemptCount.key_hash == key_hash))

    def forget(self, now: datetime) -> None:
        self._uow.session.execute(delete(AttemptCount).where(AttemptCount.forgotten_at <= now))
