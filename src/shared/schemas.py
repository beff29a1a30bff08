"""What request and response models of every domain have in common."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints


class RequestModel(BaseModel):
    """A request's body: unknown fields are refused, so a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class ResponseModel(BaseModel):
    """A response's body, made from a record's or a result's attributes."""

    model_config = ConfigDict(from_attributes=True)


class ItemModel(ResponseModel):
    """A response that is listed in pages."""

    id: UUID


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
