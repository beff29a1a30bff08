"""Settings of chat: its models, its turns, its tools."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class ModelSettings(BaseModel):
    """A chat model, as `CHAT__MODELS` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-zA-Z0-9][\w.:/-]{0,99}$")
    label: str = ""
    provider: Literal["bedrock", "openai_compatible", "embedded", "null"]
    model: str = ""
    base_url: str | None = None
    api_key: SecretStr | None = None
    context_tokens: int = Field(8_192, ge=2_048)
    max_output_tokens: int = Field(1_024, ge=16)
    price_in: float = Field(0.0, ge=0)
    price_out: float = Field(0.0, ge=0)
    tools: bool = True

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.provider in ("bedrock", "openai_compatible") and not self.model:
            raise ValueError(f"the model {self.name} needs `model`, its provider's own id")
        if self.provider == "openai_compatible" and not self.base_url:
            raise ValueError(f"the model {self.name} needs `base_url`")
        if self.max_output_tokens > self.context_tokens // 2:
            raise ValueError(f"the model {self.name} has `max_output_tokens` above half of its context")
        return self


EMBEDDED_MODELS = (
    ModelSettings(name="embedded", provider="embedded", context_tokens=32_768, tools=False),
    ModelSettings(name="null", provider="null", context_tokens=32_768, tools=False),
)
"""Those that need nothing: they can be named without being described."""


class ChatSettings(BaseModel):
    """The chat turn."""

    models: tuple[ModelSettings, ...] = Field(
        (),
        description="The models that people choose among, as a JSON list: see *Chat models* above.",
    )
    model: str = Field(
        "embedded",
        description="Who answers where none is chosen: a name of `CHAT__MODELS`; `embedded` (sentences of the "
        "documents); `null` (nobody, for measuring).",
    )
    fallbacks: tuple[str, ...] = Field(
        (), description='Who stands in for a model that is down, in this order, as JSON: `["embedded"]`.'
    )
    helper_model: str | None = Field(
        None,
        description="Who rewrites follow-up questions and writes titles and summaries; by default the "
        "model of the session.",
    )
    helper_seconds: float = Field(
        3.0, gt=0, description="How long the rewriting of a question may take; then a rule does it."
    )
    max_message_characters: int = Field(16_000, ge=1, description="Longest message.")
    max_generations: int = Field(256, ge=1, description="Answers that a process writes at once; others wait.")
    max_waiting: int = Field(256, ge=0, description="Answers that wait for their turn; more are refused.")
    passages: int = Field(6, ge=1, le=50, description="Passages a model is given.")
    passages_timeout_seconds: float = Field(5.0, gt=0, description="How long a turn waits for passages.")
    history_messages: int = Field(40, ge=0, description="Earlier messages a model is given at the most.")
    first_token_seconds: float = Field(30.0, gt=0, description="How long a model may think before it speaks.")
    gap_seconds: float = Field(30.0, gt=0, description="How long a model may pause while it speaks.")
    generation_timeout_seconds: float = Field(120.0, gt=0, description="How long one answer may take.")
    save_seconds: float = Field(
        0.5, gt=0, le=1, description="How often what there is of an answer is saved while it is written."
    )
    lease_seconds: float = Field(
        15.0, ge=3, description="How long a process that writes answers may be silent before they are closed."
    )
    stop_grace_seconds: float = Field(5.0, ge=0, description="How long a stop waits for running answers.")
    breaker_failures: int = Field(
        5, ge=1, description="Failures in a row after which a model is left alone for a while."
    )
    breaker_seconds: float = Field(20.0, gt=0, description="For how long, until it is tried again.")
    tool_rounds: int = Field(5, ge=0, description="How often in one answer a model may call tools.")
    tool_calls: int = Field(20, ge=0, description="Calls of tools in one answer; further ones fail.")
    tool_seconds: float = Field(20.0, gt=0, description="How long one call of a tool may take.")
    budget_nearly_used: float = Field(
        0.8, gt=0, le=1, description="The used share of a budget from which it is told that little is left."
    )
    deleted_days: int = Field(30, ge=0, description="How long a deleted session can be restored.")
    temporary_minutes: int = Field(
        60, ge=1, description="How long a temporary session is kept after its last message."
    )
    openai_days: int = Field(
        30, ge=1, description="How long what programs asked at `/v1` is kept: each request is a session."
    )

    @property
    def known_models(self) -> dict[str, ModelSettings]:
        """The models that can be chosen, by name: those that are described, and a built-in one that is named."""
        described = {each.name: each for each in self.models}
        named = {self.model, *self.fallbacks, *([self.helper_model] if self.helper_model else [])}
        built_in = {each.name: each for each in EMBEDDED_MODELS if each.name in named}
        return {**described, **{name: each for name, each in built_in.items() if name not in described}}

    @model_validator(mode="after")
    def _models_are_known(self) -> Self:
        if len({each.name for each in self.models}) < len(self.models):
            raise ValueError("CHAT__MODELS names a model twice")
        if any(each.name.casefold() == "assistant" for each in self.models):
            raise ValueError("CHAT__MODELS: `assistant` is the platform's own name among the models")
        for name in (self.model, *self.fallbacks, self.helper_model):
            if name is not None and name not in self.known_models:
                raise ValueError(f"there is no model {name!r} in CHAT__MODELS")
        return self


class GuardrailSettings(BaseModel):
    """A guardrail outside, asked beside the rules that administrators keep."""

    bedrock_id: str | None = Field(
        None,
        pattern=r"^([a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+)$",
        description="A guardrail of Amazon Bedrock, which questions and answers are shown to; its id or ARN.",
    )
    bedrock_version: str = Field(
        "DRAFT", pattern=r"^([1-9][0-9]{0,7}|DRAFT)$", description="Its version: a number, or `DRAFT`."
    )
    bedrock_seconds: float = Field(3.0, gt=0, le=30, description="How long it may take to judge a text.")
    bedrock_fails_open: bool = Field(
        False,
        description="Whether texts go on unjudged while it does not answer; else they are refused with 503.",
    )


class McpServerSettings(BaseModel):
    """A server of tools, as `TOOLS__MCP_SERVERS` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-zA-Z0-9]+([_-][a-zA-Z0-9]+)*$", max_length=30)
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, SecretStr] = {}
    url: str = Field("", pattern=r"^(https?://.+)?$")
    headers: dict[str, SecretStr] = {}
    group_ids: frozenset[UUID] = frozenset()
    tools: frozenset[str] | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError(f"the server {self.name} needs either `command` or `url`")
        if self.url and (self.args or self.env):
            raise ValueError(f"the server {self.name} has a `url`: `args` and `env` are for a `command`")
        if self.command and self.headers:
            raise ValueError(f"the server {self.name} has a `command`: `headers` are for a `url`")
        return self


class ToolSettings(BaseModel):
    """Tools that a model may call."""

    mcp_servers: tuple[McpServerSettings, ...] = Field(
        (), description="Servers whose tools models may call, as a JSON list: see *Tools* above."
    )
    calls_at_once: int = Field(8, ge=1, le=256, description="Calls that a server gets at once; others wait.")
    connect_seconds: float = Field(
        20.0, gt=0, description="How long a server may take to start and to list its tools."
    )
    check_seconds: float = Field(
        30.0, gt=0, description="How often it is looked whether a server is there, and what it offers."
    )
    result_characters: int = Field(
        8_000, ge=500, description="How much of a tool's result a model is told; the rest is cut off."
    )

    @model_validator(mode="after")
    def _servers_are_apart(self) -> Self:
        if len({server.name for server in self.mcp_servers}) < len(self.mcp_servers):
            raise ValueError("TOOLS__MCP_SERVERS names a server twice")
        return self
