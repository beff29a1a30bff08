"""Requests as OpenAI's clients send them: https://platform.openai.com/docs/api-reference/chat/create."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from src.domains.chat.services.open_door import Completion, InvalidValue, OpenModel, UnsupportedValue
from src.domains.chat.services.ports import PromptMessage, ToolCall, ToolSpec
from src.domains.chat.services.turn import OpenRequest
from src.shared.schemas import ResponseModel

MOST_MESSAGES = 2_000
MOST_TOOLS = 128
MOST_LEVELS = 60

UNSUPPORTED: dict[str, tuple[tuple[object, ...], str]] = {
    "n": ((1,), "there is one answer to a request"),
    "response_format": (
        ({"type": "text"},),
        "answers are text; for a form of their own let a tool be called",
    ),
    "logprobs": ((False,), "probabilities are not told"),
    "top_logprobs": ((0,), "probabilities are not told"),
    "logit_bias": (({},), "probabilities cannot be changed"),
    "modalities": ((["text"],), "answers are text"),
    "audio": ((), "answers are text"),
    "functions": (([],), "`tools` have taken their place"),
    "function_call": (("none", "auto"), "`tool_choice` has taken its place"),
    "web_search_options": ((), "the web is not searched"),
    "moderation": ((), "nothing is moderated here"),
}
"""Parameters that cannot be left out of account in silence, with the values that ask for nothing, and why.

All others that are not named in `CompletionRequest` are: hints on style and cost, and what is for OpenAI alone.
"""


def _without_nul(text: str) -> str:
    """PostgreSQL's texts cannot hold that character."""
    if "\0" in text:
        raise ValueError("holds the character NUL")
    return text


def _is_shallow(value: object, levels: int = MOST_LEVELS) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def _not_deep(schema: dict[str, Any]) -> dict[str, Any]:
    if not _is_shallow(schema):
        raise ValueError(f"is nested deeper than {MOST_LEVELS} levels")
    return schema


def _as_parts(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


def _as_name(choice: object) -> object:
    """Return the name of the tool where one is chosen: `{"type": "function", "function": {"name": ...}}`."""
    if not isinstance(choice, dict):
        return choice or "auto"
    function = choice.get("function")
    if choice.get("type") != "function" or not isinstance(function, dict):
        raise ValueError("this way to choose among tools is not known here")
    return function.get("name")


Text = Annotated[str, AfterValidator(_without_nul)]
ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class OpenAIModel(BaseModel):
    """Unknown fields are let be: clients send many, and new ones are made every month."""

    model_config = ConfigDict(extra="ignore")


class Part(OpenAIModel):
    type: str
    text: Text | None = None
    refusal: Text | None = None


class CalledFunction(OpenAIModel):
    name: Text
    arguments: Text


class Call(OpenAIModel):
    id: Text
    function: CalledFunction


class Message(OpenAIModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[list[Part], BeforeValidator(_as_parts)] = Field(default_factory=list)
    tool_calls: Annotated[list[Call], BeforeValidator(_as_list)] = Field(default_factory=list)
    tool_call_id: Text = ""

    def text(self, param: str) -> str:
        """Return the text of all parts; raise `UnsupportedValue` when there is another kind of them."""
        texts: list[str] = []
        for number, part in enumerate(self.content):
            text = {"text": part.text, "refusal": part.refusal}.get(part.type)
            if text is None:
                raise UnsupportedValue(
                    f"A part of the type {part.type!r} cannot be read here: messages are text.",
                    param=f"{param}.content[{number}]",
                )
            texts.append(text)
        return "\n".join(texts)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls
        )


class Function(OpenAIModel):
    name: ToolName
    description: Text | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_not_deep)] | None = None


class Tool(OpenAIModel):
    type: str
    function: Function | None = None


class StreamOptions(OpenAIModel):
    include_usage: bool | None = None


class CompletionRequest(OpenAIModel):
    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(max_length=200)]
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    stop: Annotated[list[Text], BeforeValidator(_as_list), Field(max_length=4)] = Field(default_factory=list)
    tools: Annotated[list[Tool], BeforeValidator(_as_list), Field(max_length=MOST_TOOLS)] = Field(
        default_factory=list
    )
    tool_choice: Annotated[str, BeforeValidator(_as_name)] = "auto"
    parallel_tool_calls: bool | None = None

    @property
    def tells_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def completion(self) -> Completion:
        """Return what is asked for; raise `UnsupportedValue` for what cannot be done."""
        self._check_extras()
        system: list[str] = []
        messages: list[PromptMessage] = []
        for number, message in enumerate(self.messages):
            text = message.text(f"messages[{number}]")
            if message.role == "system" or message.role == "developer":
                system.append(text)
            else:
                messages.append(PromptMessage(message.role, text, message.calls, message.tool_call_id))
        request = OpenRequest(
            system="\n\n".join(filter(None, system)),
            tools=tuple(self._tool_specs()),
            tool_choice=self.tool_choice,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=tuple(filter(None, self.stop)),
        )
        return Completion(messages, request)

    def _check_extras(self) -> None:
        extras = self.model_extra or {}
        for name, (nothing, why) in UNSUPPORTED.items():
            value = extras.get(name)
            if value is not None and value not in nothing:
                raise UnsupportedValue(f"This value of `{name}` is not supported: {why}.", param=name)

    def _tool_specs(self) -> Iterator[ToolSpec]:
        for number, tool in enumerate(self.tools):
            if tool.type != "function":
                detail = f"A tool of the type {tool.type!r} is not known here: tools are functions."
                raise UnsupportedValue(detail, param=f"tools[{number}].type")
            if tool.function is None:
                raise InvalidValue("A tool needs its `function`.", param=f"tools[{number}].function")
            function = tool.function
            yield ToolSpec(function.name, function.description or "", function.parameters or {})


class ModelResponse(ResponseModel):
    """`created` is 0 where it is not known: offered models stand in settings."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["platform", "assistant"]

    @classmethod
    def of(cls, model: OpenModel) -> "ModelResponse":
        return cls(
            id=model.name,
            created=int(model.profile.created_at.timestamp()) if model.profile else 0,
            owned_by="assistant" if model.is_assistant else "platform",
        )


class ModelsResponse(ResponseModel):
    object: Literal["list"] = "list"
    data: list[ModelResponse]
