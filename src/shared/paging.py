"""Pages of lists: `?limit=&cursor=` -> `{"items": [...], "next_cursor": ...}`, ordered by id."""

from collections.abc import Sequence
from typing import Annotated, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from src.shared.schemas import ItemModel

ItemT = TypeVar("ItemT", bound=ItemModel)

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at the most.")]
Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    next_cursor: UUID | None

    @classmethod
    def of(cls, items: Sequence[ItemT], limit: int) -> Self:
        """Make a page of what a query with this limit returned."""
        return cls(items=list(items), next_cursor=items[-1].id if len(items) == limit else None)
