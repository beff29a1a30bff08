"""What the API answers, as the page reads it."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

ItemT = TypeVar("ItemT")

Role = Literal["admin", "user"]
Rating = Literal["up", "down"]
DocumentStatus = Literal["pending", "processing", "ready", "failed"]
MessageStatus = Literal["pending", "completed", "failed", "interrupted"]


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


class Session(TypedDict):
    id: str
    title: str


class Citation(TypedDict):
    index: int
    title: str
    location: str
    text: str


class Message(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    content: str
    status: MessageStatus
    grounded: bool | None
    citations: list[Citation]
    feedback: Rating | None


class StreamEvent(NamedTuple):
    """One event of an answer's stream: `message`, `citations`, `delta`, `reset`, `completed` or `end`."""

    name: str
    data: dict[str, Any]


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
