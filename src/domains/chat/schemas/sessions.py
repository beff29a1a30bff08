"""Request and response models of sessions."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from pydantic import Field, StringConstraints

from src.domains.chat.models import Session
from src.domains.chat.services.sessions import SessionChange
from src.shared.schemas import ItemModel, Name, RequestModel

ModelName = Annotated[str, Field(max_length=200)]


class CreateSessionRequest(RequestModel):
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    profile_id: UUID | None = None
    model: ModelName | None = None
    temporary: bool = False

    @property
    def change(self) -> SessionChange:
        return cast("SessionChange", self.model_dump(exclude={"temporary"}, exclude_defaults=True))


class ChangeSessionRequest(RequestModel):
    """Only what is sent changes; null for the profile or the model means the platform's own."""

    title: Name = ""
    pinned: bool = False
    profile_id: UUID | None = None
    model: ModelName | None = None

    @property
    def change(self) -> SessionChange:
        return cast("SessionChange", self.model_dump(exclude_unset=True))


class SwitchBranchRequest(RequestModel):
    message_id: UUID


class SessionResponse(ItemModel):
    title: str
    profile_id: UUID | None
    model: str | None
    pinned: bool
    temporary: bool
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, session: Session) -> "SessionResponse":
        return cls(
            id=session.id,
            title=session.title,
            profile_id=session.profile_id,
            model=session.model,
            pinned=session.pinned_at is not None,
            temporary=session.is_temporary,
            deleted_at=session.deleted_at,
            created_at=session.created_at,
            updated_at=session.updated_at,
        )
