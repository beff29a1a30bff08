"""What chat needs from outside."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from src.shared.events.knowledge import Passage
from src.shared.exceptions.errors import InvalidRequest, Unavailable

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True)
class ToolCall:
    """A model's wish to call a tool; `arguments` are JSON as the model wrote it, right or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PromptMessage:
    """One message of a conversation; a `tool` message is the result of the call `tool_call_id`."""

    role: Literal["user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True)
class Prompt:
    """All that a model is given for one call.

    `messages` end with the question, or with the results of the tools that the model called. `system` is
    written out whole, with the numbered sources and how to cite them; a model that reads no such text takes the
    `passages` instead. They are numbered from 1 in the order given; the answer cites them as `[1]`, `[2]`...
    """

    messages: tuple[PromptMessage, ...]
    system: str = ""
    passages: tuple[Passage, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one tool to call."""
    max_tokens: int = 1_024
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What the person said last."""
        return next((each.content for each in reversed(self.messages) if each.role == "user"), "")

    @property
    def history(self) -> tuple[PromptMessage, ...]:
        """What was said before the question, oldest first."""
        at = max((at for at, each in enumerate(self.messages) if each.role == "user"), default=0)
        return tuple(each for each in self.messages[:at] if each.role != "tool")


@dataclass(frozen=True)
class Usage:
    """Tokens of one call of a model, or of several; `cost` is in US dollars."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out, self.cost + other.cost
        )


@dataclass(frozen=True)
class ModelChunk:
    """A piece of an answer as it comes; the last one carries the usage and why the model stopped.

    Tool calls come whole. A piece with nothing in it is a sign of life: the model thinks, or writes a call.
    Adapters count tokens and leave the cost at 0: prices are chat's.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish_reason: FinishReason | None = None


class ModelFailed(Unavailable):
    """The model gave no complete answer. When it is `passing`, the same call may succeed a little later."""

    code = "model_failed"

    def __init__(self, detail: str = "", *, passing: bool = False, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.passing = passing


class PromptRefused(InvalidRequest):
    """The model will not take this prompt, now or later."""

    code = "prompt_refused"


class ContextTooLong(PromptRefused):
    """The prompt does not fit into the model's context."""

    code = "context_too_long"


class ChatModel(Protocol):
    """A chat model outside or within.

    `stream` makes one call: it raises `ModelFailed`, `PromptRefused` or `ContextTooLong`, and repeats nothing.
    An answer that ends without the model's own sign of the end is a failure. When the iteration is closed or
    cancelled, the call outside is ended within a second.
    """

    @property
    def name(self) -> str: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Asker:
    """For whom a tool is called."""

    user_id: UUID
    group_ids: tuple[UUID, ...]


class ToolFailed(Exception):
    """A tool gave no result; the text is told to the model and to the person."""


class ToolProvider(Protocol):
    """Tools from outside, by servers that are named in settings."""

    def offered(self, asker: Asker) -> Sequence[ToolSpec]:
        """Return the tools that this person may use; those of a server that is down are not among them."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        """Return the tool's result as text; raise `ToolFailed`, also for one that is not offered to them."""
        ...
