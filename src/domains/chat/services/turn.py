"""A turn, from what somebody asks for to the answer that is being written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from src.domains.chat.models import Channel, WithoutSources
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.offers import Offer
from src.domains.chat.services.ports import PromptMessage, ToolSpec
from src.domains.chat.services.standings import Hold
from src.shared.middleware.authentication import Principal


@dataclass(frozen=True)
class RequestKey:
    """A name that a sender gave to a request, and a digest of the request."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class OpenRequest:
    """What a program brings itself: system text, what was said before the question, and behind it by tools.

    `searches`: whether the documents are searched, too, as for an assistant. Its own tools are called by the
    program: the answer ends with the wish for them.
    """

    system: str = ""
    history: tuple[PromptMessage, ...] = ()
    said_since: tuple[PromptMessage, ...] = ()
    searches: bool = False
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ask:
    """What somebody wants: a new question answered, one put in the place of another, or one answered again.

    A question without a session opens one.
    """

    asker: Principal
    content: str = ""
    session_id: UUID | None = None
    edits: UUID | None = None
    answers_again: UUID | None = None
    model: str | None = None
    profile_id: UUID | None = None
    key: RequestKey | None = None
    channel: Channel = "chat"
    request: OpenRequest | None = None


@dataclass(frozen=True)
class Assistant:
    """How a session is answered: as its profile says, or as the platform's own assistant does."""

    profile_id: UUID | None = None
    instructions: str = ""
    model: str | None = None
    temperature: float | None = None
    collection_ids: tuple[UUID, ...] | None = None
    without_sources: WithoutSources = "say_so"


@dataclass(frozen=True)
class Question:
    """A question as it is saved."""

    id: UUID
    parent_id: UUID | None
    content: str


@dataclass(frozen=True)
class Place:
    """Where a question stands, how it is answered, and what was said before: `summary`, then `history`."""

    session_id: UUID
    question: Question
    answer_id: UUID
    offer: Offer
    assistant: Assistant
    history: tuple[PromptMessage, ...] = ()
    history_ids: tuple[UUID, ...] = ()
    summary: str | None = None
    is_temporary: bool = False
    hold: Hold | None = None
    """What is reserved for the answer, where a budget applies."""
    masked: Mapping[str, str] = field(default_factory=dict)
    """What placeholders in the session stand for."""
    refusal: str | None = None
    """What the asker is told instead of an answer."""


@dataclass(frozen=True)
class Turn:
    """A question that is saved, and the answer that is written to it; `started` is by the monotonic clock."""

    ask: Ask
    place: Place
    generation: Generation
    started: float
