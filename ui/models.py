"""What the API answers, as the page reads it."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

ItemT = TypeVar("ItemT")

Role = Literal["admin", "editor", "user", "pending"]
Rating = Literal["up", "down"]
DocumentStatus = Literal["pending", "processing", "ready", "failed"]
MessageStatus = Literal["pending", "completed", "stopped", "failed", "interrupted", "blocked"]


@dataclass(frozen=True)
class Listing(Generic[ItemT]):
    """The first items of a list, and whether there are more."""

    items: list[ItemT]
    more: bool


class Tokens(TypedDict):
    access_token: str
    refresh_token: str


class User(TypedDict):
    id: str
    email: str
    name: str
    role: Role
    is_active: bool
    group_ids: list[str]


class Provider(TypedDict):
    name: str
    label: str


class Group(TypedDict):
    id: str
    name: str


class Collection(TypedDict):
    id: str
    name: str
    description: str
    group_ids: list[str]
    document_count: int


class Document(TypedDict):
    id: str
    title: str
    size_bytes: int
    status: DocumentStatus
    reason: str | None
    version: int | None
    pages_done: int
    pages_total: int | None
    passage_count: int


class Upload(TypedDict):
    id: str


class Match(TypedDict):
    arm: Literal["words", "meaning"]
    score: float
    words: list[str]


class Passage(TypedDict):
    passage_id: str
    title: str
    text: str
    score: float
    location: str
    matches: list[Match]


class Model(TypedDict):
    """A model to choose; prices in US dollars for a million tokens."""

    name: str
    label: str
    price_in: float
    price_out: float
    is_default: bool


class Profile(TypedDict):
    id: str
    name: str
    description: str
    model: str | None


class Session(TypedDict):
    """Without a profile or a model, the platform's own."""

    id: str
    title: str
    profile_id: str | None
    model: str | None
    pinned: bool
    temporary: bool


class Citation(TypedDict):
    index: int
    title: str
    location: str
    text: str


class ToolCall(TypedDict):
    name: str
    arguments: str
    status: Literal["running", "completed", "failed"]
    result: str
    milliseconds: int | None


class Usage(TypedDict):
    """`cost` in US dollars."""

    tokens_in: int
    tokens_out: int
    cost: float


class SharedMessage(TypedDict):
    """A message as colleagues see it."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    status: MessageStatus
    model: str | None
    grounded: bool | None
    citations: list[Citation]


class Message(SharedMessage):
    """`siblings` are the branches at this place: all messages with the same parent, itself among them."""

    siblings: list[str]
    failed_models: list[str]
    tool_calls: list[ToolCall]
    usage: Usage | None
    error_code: str | None
    feedback: Rating | None
    feedback_reasons: list[str]
    feedback_comment: str | None


class Limits(TypedDict):
    """`cost` in US dollars; None is no limit."""

    tokens: int | None
    cost: float | None


class TokensUsed(TypedDict):
    used: int


class CostUsed(TypedDict):
    used: float


class Standing(TypedDict):
    """How much of a budget is used in the present day or month."""

    period: Literal["day", "month"]
    resets_at: str
    tokens: TokensUsed
    cost: CostUsed
    share_used: float


class Budget(TypedDict):
    """Of each person without one of their own (`default`), the platform, or the user or group `subject_id`."""

    id: str
    scope: Literal["default", "platform", "user", "group"]
    subject_id: str | None
    day: Limits
    month: Limits
    standings: list[Standing]


class Feedback(TypedDict):
    rating: Rating
    reasons: list[str]
    comment: str


class Hit(TypedDict):
    """A message that was found."""

    id: str
    session_id: str
    session_title: str
    excerpt: str


class SharedSession(TypedDict):
    title: str
    created_at: str
    messages: list[SharedMessage]
    next_cursor: str | None


class StreamEvent(NamedTuple):
    """One event of an answer's stream, by the API's names; `end` is the last.

    `offset` is how many characters of the answer are out by then.
    """

    name: str
    data: Any
    offset: int = 0


class Totals(TypedDict):
    messages: int
    answers: int
    sessions: int
    active_users: int
    grounded_rate: float | None
    tokens_in: int
    tokens_out: int
    cost: float
    feedback_up: int
    feedback_down: int
    blocked: int
    failed: int


class Quantiles(TypedDict):
    p50: float | None
    p95: float | None
    p99: float | None


class Latency(TypedDict):
    first_token: Quantiles
    total: Quantiles


class Point(TypedDict):
    at: str
    messages: int
    answers: int
    active_users: int
    cost: float


Range = TypedDict("Range", {"from": str, "to": str})


class Dashboard(TypedDict):
    range: Range
    totals: Totals
    latency_ms: Latency
    series: list[Point]
