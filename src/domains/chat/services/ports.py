"""What chat needs from outside."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from src.shared.events.knowledge import Passage
from src.shared.exceptions.errors import Unavailable


@dataclass(frozen=True)
class PastMessage:
    """One earlier message of the session, oldest first."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """All that a model is given for one answer.

    Passages are numbered from 1 in the order given; the answer cites them as `[1]`, `[2]`...
    """

    question: str
    passages: tuple[Passage, ...]
    history: tuple[PastMessage, ...] = ()


@dataclass(frozen=True)
class Usage:
    """Tokens of one call of a model; `cost` is in US dollars."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class ModelChunk:
    """A piece of an answer as it comes; the last one carries the usage and why the model stopped."""

    text: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None


class ModelFailed(Unavailable):
    """The model gave no complete answer."""

    code = "model_failed"


class ChatModel(Protocol):
    """A chat model. `stream` raises `ModelFailed`; passing faults are the adapter's to retry."""

    @property
    def name(self) -> str: ...

    def stream(self, prompt: Prompt) -> AsyncIterator[ModelChunk]: ...
