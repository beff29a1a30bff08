"""What request and response models of every domain have in common."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator


class RequestModel(BaseModel):
    """A request's body: unknown fields are refused, so a misspelt one is noticed.

    So is the character NUL, which PostgreSQL's texts cannot hold.
    """

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_nul(cls, value: object) -> object:
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("holds the character NUL")
        return value


class ResponseModel(BaseModel):
    """A response's body, made from a record's or a result's attributes."""

    model_config = ConfigDict(from_attributes=True)


class ItemModel(ResponseModel):
    """A response that is listed in pages."""

    id: UUID


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
