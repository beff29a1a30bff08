"""Request and response models of API keys."""

from datetime import datetime
from typing import get_args

from pydantic import Field

from src.domains.auth.services.api_keys import NewApiKey
from src.shared.middleware.authentication import KeyScope
from src.shared.schemas import ItemModel, Name, RequestModel

DEFAULT_SCOPES: list[KeyScope] = ["chat", "knowledge:read"]


class CreateApiKeyRequest(RequestModel):
    name: Name
    scopes: list[KeyScope] = Field(DEFAULT_SCOPES, min_length=1, max_length=len(get_args(KeyScope)))
    expires_in_days: int | None = Field(None, ge=1, le=3650)


class ApiKeyResponse(ItemModel):
    """`prefix` is how the key begins."""

    name: str
    prefix: str
    scopes: list[KeyScope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewApiKeyResponse(ItemModel):
    """The one answer that has the key itself."""

    name: str
    key: str
    prefix: str
    scopes: list[KeyScope]
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, new: NewApiKey) -> "NewApiKeyResponse":
        record = new.record
        return cls.model_validate(
            {
                "id": record.id,
                "name": record.name,
                "key": new.key,
                "prefix": record.prefix,
                "scopes": record.scopes,
                "created_at": record.created_at,
                "expires_at": record.expires_at,
            }
        )
