"""What was used in full days, by whom and by what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import RowMapping, func, select, tuple_

from src.domains.analytics.models import EVERYBODY, Usage
from src.domains.analytics.repositories.figures import NAMES
from src.infrastructure.database.unit_of_work import UnitOfWork

By = Literal["day", "user", "group", "model", "profile", "channel"]

USAGE = Usage.metadata.tables[Usage.__tablename__]
PARTS = ("day", "user_id", "model", "profile_id", "channel")
"""What a row of a group is for."""
_PLACE = [USAGE.c[name] for name in PARTS]
KEYS = {
    "day": USAGE.c.day,
    "user": USAGE.c.user_id,
    "group": USAGE.c.group_id,
    "model": USAGE.c.model,
    "profile": USAGE.c.profile_id,
    "channel": USAGE.c.channel,
}


class UsageRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def most(
        self, by: By, group_id: UUID | None, start: datetime, end: datetime, limit: int
    ) -> Sequence[RowMapping]:
        """Return what was used most: `key`, the figures, and how many people it was. Days come in their order."""
        key = KEYS[by]
        figures = [func.sum(USAGE.c[name]).label(name) for name in NAMES]
        people = func.count(USAGE.c.user_id.distinct()).label("active_users")
        group = USAGE.c.group_id != EVERYBODY if by == "group" else USAGE.c.group_id == EVERYBODY
        query = (
            select(key.label("key"), *figures, people)
            .where(
                USAGE.c.group_id == group_id if group_id else group, USAGE.c.day >= start, USAGE.c.day < end
            )
            .group_by(key)
            .order_by(*((key,) if by == "day" else (func.sum(USAGE.c.messages).desc(), key)))
            .limit(limit)
        )
        return self._uow.connection.execute(query).mappings().all()

    def after(
        self, last: RowMapping | None, group_id: UUID, start: datetime, end: datetime, limit: int
    ) -> Sequence[RowMapping]:
        """Return rows of a group in their order, from the one on that follows `last`."""
        query = select(*_PLACE, *(USAGE.c[name] for name in NAMES)).where(
            USAGE.c.group_id == group_id, USAGE.c.day >= start, USAGE.c.day < end
        )
        if last:
            query = query.where(tuple_(*_PLACE) > tuple_(*(last[name] for name in PARTS)))
        return self._uow.connection.execute(query.order_by(*_PLACE).limit(limit)).mappings().all()
