"""Answers as OpenAI's clients expect them, whole or as the chunks of a stream.

https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from src.domains.chat.services.generations import Generation
from src.domains.chat.services.masking import restored

Body = dict[str, Any]

MILLISECONDS_OF_UUID7 = 80
"""How many bits stand behind the time in an id."""


@dataclass(frozen=True)
class Telling:
    """How an answer is told: by which name it was asked for, and with what beside its text.

    Beyond OpenAI's fields there are `citations` in the message of a profile (in a stream, in the last delta), and
    `platform`, which says where the answer is saved and who really gave it.
    """

    generation: Generation
    model: str
    cites: bool
    tells_usage: bool
    one_call: bool
    """The program takes one call of a tool at a time; the model asks for the next one again."""

    def completion(self) -> Body:
        """Return the whole answer."""
        calls = self._calls
        message: Body = {"role": "assistant", "content": self.generation.shown or (None if calls else "")}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message | self._beside, "finish_reason": self._finish_reason}
        return self._envelope("chat.completion", [choice], usage=self._usage, platform=self._platform)

    def first_chunk(self) -> Body:
        return self._chunk({"role": "assistant", "content": ""})

    def text_chunk(self, text: str) -> Body:
        return self._chunk({"content": text})

    def last_chunks(self) -> Iterator[Body]:
        """Yield what comes behind the text: calls of tools, the end, and the usage if it is wanted."""
        for number, call in enumerate(self._calls):
            yield self._chunk({"tool_calls": [{"index": number, **call}]})
        yield self._chunk(self._beside, self._finish_reason, platform=self._platform)
        if self.tells_usage:
            yield self._envelope("chat.completion.chunk", [], usage=self._usage)

    def _chunk(self, delta: Body, finish_reason: str | None = None, **more: Body) -> Body:
        usage = {"usage": None} if self.tells_usage else {}
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return self._envelope("chat.completion.chunk", [choice], **usage, **more)

    def _envelope(self, kind: str, choices: list[Body], **more: Body | None) -> Body:
        message_id = self.generation.message_id
        return {
            "id": f"chatcmpl-{message_id}",
            "object": kind,
            "created": (message_id.int >> MILLISECONDS_OF_UUID7) // 1_000,
            "model": self.model,
            "choices": choices,
            **more,
        }

    @property
    def _calls(self) -> list[Body]:
        asked = self.generation.asked_tools[: 1 if self.one_call else None]
        return [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": self._restored(call.arguments)},
            }
            for call in asked
        ]

    def _restored(self, arguments: str) -> str:
        """Return a call's arguments with what its program's own messages told; they are text in JSON."""
        masked = self.generation.masked.items()
        values = {each: json.dumps(value, ensure_ascii=False)[1:-1] for each, value in masked}
        return restored(arguments, values)

    @property
    def _finish_reason(self) -> str:
        """Return OpenAI's word for it; there is none for an answer that somebody stopped before its end."""
        if self.generation.asked_tools:
            return "tool_calls"
        reason = self.generation.finish_reason
        return {"length": "length", "stopped": "length", "content_filter": "content_filter"}.get(
            reason or "", "stop"
        )

    @property
    def _beside(self) -> Body:
        return {"citations": [each.model_dump() for each in self.generation.citations]} if self.cites else {}

    @property
    def _usage(self) -> Body:
        usage = self.generation.usage
        return {
            "prompt_tokens": usage.tokens_in,
            "completion_tokens": usage.tokens_out,
            "total_tokens": usage.tokens_in + usage.tokens_out,
        }

    @property
    def _platform(self) -> Body:
        generation = self.generation
        return {
            "session_id": str(generation.session_id),
            "message_id": str(generation.message_id),
            "model": generation.model,
            "failed_models": list(generation.failed_models),
            "grounded": generation.grounded,
            "budget": generation.budget,
        }
