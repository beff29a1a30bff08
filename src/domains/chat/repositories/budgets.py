"""Named queries of budgets."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from src.domains.chat.models import Budget, BudgetScope
from src.infrastructure.database.unit_of_work import UnitOfWork


class BudgetRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, budget: Budget) -> None:
        self._uow.session.add(budget)
        self._uow.session.flush()

    def find(self, scope: BudgetScope, subject_id: UUID) -> Budget | None:
        query = select(Budget).where(Budget.scope == scope, Budget.subject_id == subject_id)
        return self._uow.session.scalar(query)

    def all(self) -> Sequence[Budget]:
        """Return every budget; their number is bounded."""
        return self._uow.session.scalars(select(Budget)).all()

    def count(self) -> int:
        return self._uow.session.scalar(select(func.count()).select_from(Budget)) or 0

    def page(self, after: UUID | None, limit: int) -> Sequence[Budget]:
        query = select(Budget).order_by(Budget.id).limit(limit)
        return self._uow.session.scalars(query.where(Budget.id > after) if after else query).all()

    def delete(self, budget: Budget) -> None:
        self._uow.session.delete(budget)
