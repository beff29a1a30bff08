"""stub"""

from uuid import UUID

from src.domains.chat.services.turn import Assistant
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.middleware.authentication import Principal


def assistant_of(uow: UnitOfWork, profile_id: UUID | None, asker: Principal) -> Assistant:
    return Assistant()
