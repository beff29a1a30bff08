"""The form of every domain event."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from uuid_utils.compat import uuid7

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
"""Ties together what one request set off; the request id at the edge, the event's own id in subscribers."""


class Origin(BaseModel):
    """Who set something off, and from where. Nobody is named where nobody has signed in.

    `channel` is `page`, `api`, `api_key` or `command`; `address` is the client's, as the server knows it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str = ""
    channel: str = "api"


origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
"""Of what is recorded now; None for what the platform does by itself. Made once for a request."""


trace_parent: ContextVar[str | None] = ContextVar("trace_parent", default=None)
"""The span that something happens in, as W3C's `traceparent` has it; None where nothing is traced."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class DomainEvent(BaseModel):
    """Something that happened, in the past tense; carries ids and plain values, never an ORM object.

    `name` and `version` are stable: they stand in the log for good. Fields that a later version added
    have defaults, and unknown ones are ignored, so old and new code read each other's events.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ClassVar[str]
    version: ClassVar[int] = 1
    subject: ClassVar[str | None] = None
    """The field with the id of what the event is about; the log finds the event again by it, to redact it."""
    personal: ClassVar[frozenset[str]] = frozenset()
    """Fields with people's own text; emptied in the log when the subject is erased."""

    event_id: UUID = Field(default_factory=uuid7)
    occurred_at: AwareDatetime = Field(default_factory=utc_now)
    correlation_id: str = Field(default_factory=lambda: correlation_id.get())
    origin: Origin | None = Field(default_factory=lambda: origin.get())
    trace_parent: str | None = Field(
        default_factory=lambda: trace_parent.get(), exclude_if=lambda told: told is None
    )


ReplyT = TypeVar("ReplyT", bound=DomainEvent)


class DomainRequest(DomainEvent, Generic[ReplyT]):
    """A read-only question to another domain; never stored, answered at once by its one responder."""


@contextmanager
def caused_by(event: DomainEvent) -> Iterator[None]:
    """Give what is recorded inside the same correlation id and origin as the event that set it off."""
    token, origin_token = correlation_id.set(event.correlation_id), origin.set(event.origin)
    try:
        yield
    finally:
        correlation_id.reset(token)
        origin.reset(origin_token)
