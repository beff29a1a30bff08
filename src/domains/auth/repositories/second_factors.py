"""Named queries of second factors and recovery codes."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, func, select

from src.domains.auth.models import RecoveryCode, SecondFactor
from src.infrastructure.database.unit_of_work import UnitOfWork


class SecondFactorRepository:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def get(self, user_id: UUID, *, for_update: bool = False) -> SecondFactor | None:
        query = select(SecondFactor).where(SecondFactor.user_id == user_id)
        return self._uow.session.scalar(query.with_for_update() if for_update else query)

    def replace(self, factor: SecondFactor) -> None:
        self._uow.session.merge(factor)
        self._uow.session.flush()

    def add_codes(self, user_id: UUID, code_hashes: Iterable[bytes]) -> None:
        codes = [RecoveryCode(user_id=user_id, code_hash=code_hash) for code_hash in code_hashes]
        self._uow.session.add_all(codes)

    def count_codes(self, user_id: UUID) -> int:
        query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
        return self._uow.session.scalar(query) or 0

    def use_code(self, user_id: UUID, code_hash: bytes) -> bool:
        """Delete a recovery code; tell whether there was one."""
        this = delete(RecoveryCode).where(
            RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash
        )
        return self._uow.session.scalar(this.returning(RecoveryCode.user_id)) is not None

    def delete(self, user_id: UUID) -> bool:
        """Delete a person's second factor with its codes; tell whether there was one."""
        self._uow.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        factor = delete(SecondFactor).where(SecondFactor.user_id == user_id)
        return self._uow.session.scalar(factor.returning(SecondFactor.user_id)) is not None
