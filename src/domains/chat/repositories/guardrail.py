"""Named queries of the guardrail's rules."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from src.domains.chat.models import GuardrailRule
from src.infrastructure.database.unit_of_work import UnitOfWork


class GuardrailRuleRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, rule: GuardrailRule) -> None:
        self._uow.session.add(rule)
        self._uow.session.flush()

    def get(self, rule_id: UUID) -> GuardrailRule | None:
        return self._uow.session.get(GuardrailRule, rule_id)

    def all(self) -> Sequence[GuardrailRule]:
        """Return every rule, oldest first; their number is bounded."""
        return self._uow.session.scalars(select(GuardrailRule).order_by(GuardrailRule.id)).all()

    def delete(self, rule: GuardrailRule) -> None:
        self._uow.session.delete(rule)
