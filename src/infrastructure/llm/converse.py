"""What Bedrock's Converse API takes and tells.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog

from src.domains.chat.services.ports import (
    FinishReason,
    ModelChunk,
    Prompt,
    PromptMessage,
    ToolCall,
    ToolSpec,
    Usage,
)
from src.infrastructure.outside.faults import ServiceFault

log = structlog.get_logger(__name__)

_FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_FAILED = ("malformed_model_output", "malformed_tool_use")

_NOTHING = "(nothing)"
"""Stands where Converse wants a text and there is none."""
_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


def request(model_id: str, prompt: Prompt) -> dict[str, Any]:
    """Return the parameters of ConverseStream for a prompt."""
    asked: dict[str, Any] = {
        "modelId": model_id,
        "messages": _messages(prompt.messages),
        "inferenceConfig": _inference(prompt),
    }
    if prompt.system.strip():
        asked["system"] = [{"text": prompt.system}]
    if tools := _tools(prompt):
        asked["toolConfig"] = tools
    return asked


class Reply:
    """What a stream has told so far."""

    def __init__(self) -> None:
        self.stop_reason = ""
        self._usage: Usage | None = None
        self._calls: dict[int, list[str]] = {}

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Read an event; return the text in it, nothing where it has thoughts or calls, None for another event.

        Raises `LookupError`, `TypeError` or `AttributeError` for one that has not the service's form.
        """
        for kind, body in event.items():
            if kind == "contentBlockDelta":
                return self._take_delta(body["contentBlockIndex"], body["delta"])
            if kind == "contentBlockStart" and (tool := body["start"].get("toolUse")):
                self._calls[body["contentBlockIndex"]] = [tool["toolUseId"], tool["name"]]
            elif kind == "messageStop":
                self.stop_reason = body["stopReason"]
            elif kind == "metadata":
                self._usage = _usage(body["usage"])
        return None

    def last(self) -> ModelChunk:
        """Return the end of the answer; raise `ServiceFault` when it has none."""
        if not self.stop_reason or self.stop_reason in _FAILED:
            raise ServiceFault(f"the stream ended with {self.stop_reason or 'no messageStop'}", passing=True)
        reason = _FINISH_REASONS.get(self.stop_reason)
        if reason is None:
            # The answer is whole by the service's own word, and has been shown.
            log.warning("unknown_stop_reason", stop_reason=self.stop_reason)
            reason = "stop"
        calls: tuple[ToolCall, ...] = ()
        if reason in ("stop", "tool_calls"):
            # Some models say `end_turn` after a call. Of an answer that was cut off none may be run.
            calls = tuple(map(_call, self._calls.values()))
            reason = "tool_calls" if calls else "stop"
        return ModelChunk(tool_calls=calls, usage=self._usage, finish_reason=reason)

    def _take_delta(self, block: int, delta: Mapping[str, Any]) -> str:
        if "toolUse" in delta:
            self._calls[block].append(delta["toolUse"]["input"])
        text = delta.get("text", "")
        if not isinstance(text, str):
            raise TypeError(f"a text of the type {type(text)}")
        return text


def _usage(told: Mapping[str, int]) -> Usage:
    """Return the usage; what was read from a cache or written to it is not in `inputTokens`."""
    cached = told.get("cacheReadInputTokens", 0) + told.get("cacheWriteInputTokens", 0)
    return Usage(tokens_in=told["inputTokens"] + cached, tokens_out=told["outputTokens"])


def _call(parts: Sequence[str]) -> ToolCall:
    tool_use_id, name, *arguments = parts
    return ToolCall(tool_use_id, name, "".join(arguments) or "{}")


def _inference(prompt: Prompt) -> dict[str, Any]:
    # The quota is reserved by maxTokens; without it, for the longest answer that the model can give.
    wanted: dict[str, Any] = {"maxTokens": prompt.max_tokens}
    if prompt.temperature is not None:
        wanted["temperature"] = min(prompt.temperature, 1.0)  # OpenAI's clients may ask for 2
    if prompt.top_p is not None:
        wanted["topP"] = prompt.top_p
    if prompt.stop:
        wanted["stopSequences"] = list(prompt.stop)
    return wanted


def _messages(messages: Sequence[PromptMessage]) -> list[dict[str, Any]]:
    """Return messages that begin with the user's and alternate, each with something in it."""
    told = [(_role(each), block) for each in messages for block in _blocks(each)]
    merged = [
        {"role": role, "content": [block for _, block in blocks]}
        for role, blocks in groupby(told, key=lambda each: each[0])
    ]
    if merged and merged[0]["role"] == "assistant":
        merged.insert(0, {"role": "user", "content": [{"text": _NOTHING}]})
    return merged


def _role(message: PromptMessage) -> str:
    return "assistant" if message.role == "assistant" else "user"


def _blocks(message: PromptMessage) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        result = [{"text": message.content if message.content.strip() else _NOTHING}]
        yield {"toolResult": {"toolUseId": _tool_use_id(message.tool_call_id), "content": result}}
        return
    if message.content.strip():
        yield {"text": message.content}
    for call in message.tool_calls:
        yield {
            "toolUse": {
                "toolUseId": _tool_use_id(call.id),
                "name": call.name,
                "input": _input(call.arguments),
            }
        }


def _tool_use_id(told: str) -> str:
    """Return the id of a call, which may be another model's, in letters that Converse takes."""
    return re.sub(r"[^a-zA-Z0-9_.:-]", "_", told)[:64] or "_"


def _input(arguments: str) -> dict[str, Any]:
    """Return a call's arguments as an object; what a model wrote amiss stands in it as it was written."""
    try:
        parsed = json.loads(arguments, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"arguments": arguments}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _tools(prompt: Prompt) -> dict[str, Any]:
    """Return the tools and the choice among them.

    Converse has no choice `none`, and wants the tools to be told of as soon as a message holds a call. So they
    are left out as long as there was none, and told of otherwise: then the model could call one even so.
    """
    called = {call.name for message in prompt.messages for call in message.tool_calls}
    if prompt.tool_choice == "none" and not called:
        return {}
    told = {tool.name: tool for tool in prompt.tools} or {name: ToolSpec(name, "") for name in sorted(called)}
    if not told:
        return {}
    choice = _choice(prompt.tool_choice) if prompt.tools else {}
    return {"tools": [{"toolSpec": _tool_spec(each)} for each in told.values()], **choice}


def _tool_spec(tool: ToolSpec) -> dict[str, Any]:
    spec = {"name": tool.name, "inputSchema": {"json": dict(tool.parameters or _ANY_OBJECT)}}
    return {**spec, "description": tool.description} if tool.description else spec


def _choice(choice: str) -> dict[str, Any]:
    """Return the choice; `auto` is Converse's own, and not all models let it be told."""
    if choice in ("auto", "none"):
        return {}
    return {"toolChoice": {"any": {}} if choice == "required" else {"tool": {"name": choice}}}
