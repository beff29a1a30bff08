"""A prompt as OpenAI's chat API takes it: https://platform.openai.com/docs/api-reference/chat/create."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import openai

from src.domains.chat.services.ports import Prompt, PromptMessage, ToolCall, ToolSpec
from src.domains.chat.services.tokens import estimated_tokens

Body = dict[str, Any]

DISPENSABLE = frozenset({"max_tokens", "stream_options", "temperature", "top_p"})
"""Parameters without which, or under another name, an answer is still the one that was asked for."""

NO_ARGUMENTS = {"type": "object", "properties": {}}

_NOT_TAKEN = re.compile(
    r"unsupported|not support|not permitted|unrecogni[sz]ed|unexpected|extra_forbidden|unknown", re.IGNORECASE
)


def request_body(model: str, prompt: Prompt) -> Body:
    """Return the request for a streamed answer."""
    body: Body = {
        "model": model,
        "messages": [*_system(prompt.system), *map(_message, prompt.messages)],
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "stop": list(prompt.stop) or None,
    }
    if prompt.tools:
        body |= {"tools": [_tool(tool) for tool in prompt.tools], "tool_choice": _choice(prompt.tool_choice)}
    return {name: value for name, value in body.items() if value is not None}


def without(body: Body, refused: Iterable[str]) -> Body:
    """Return the request for a server that refuses these parameters.

    OpenAI's newer models want `max_completion_tokens` in place of `max_tokens`.
    """
    told = {name: value for name, value in body.items() if name not in refused}
    if "max_tokens" in refused:
        told["max_completion_tokens"] = body["max_tokens"]
    return told


def refused_parameters(error: openai.APIStatusError) -> frozenset[str]:
    """Return those of `DISPENSABLE` that a server refuses by this error, and not for their values.

    OpenAI names the parameter in `param`; others name it somewhere in their words.
    """
    words = str(error.body)
    if error.status_code not in (400, 422) or not _NOT_TAKEN.search(words):
        return frozenset()
    named = {error.param} if error.param else set(re.findall(r"\w+", words))
    return DISPENSABLE & named


def tokens_of(body: Body) -> int:
    """Return about how many tokens the request is; what JSON adds stands for what the model's own form adds."""
    return estimated_tokens(json.dumps([body["messages"], body.get("tools")], ensure_ascii=False))


def _system(text: str) -> Iterator[Body]:
    if text:
        yield {"role": "system", "content": text}


def _message(message: PromptMessage) -> Body:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.tool_calls:
        calls = [_call(call) for call in message.tool_calls]
        return {"role": "assistant", "content": message.content or None, "tool_calls": calls}
    return {"role": message.role, "content": message.content}


def _call(call: ToolCall) -> Body:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: ToolSpec) -> Body:
    parameters = dict(tool.parameters) or NO_ARGUMENTS
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _choice(choice: str) -> str | Body:
    named = {"type": "function", "function": {"name": choice}}
    return choice if choice in ("auto", "none", "required") else named
