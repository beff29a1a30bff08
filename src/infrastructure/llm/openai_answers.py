"""An answer as OpenAI's chat API streams it, put together again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from src.domains.chat.services.ports import FinishReason, ToolCall, Usage
from src.domains.chat.services.tokens import estimated_tokens

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos_token": "stop",  # TGI
    "stop_sequence": "stop",  # TGI
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
"""Others (`abort`, `error`, `insufficient_system_resource`) tell that the model was kept from ending."""


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class StreamedAnswer:
    """Takes the chunks of one stream, as plain JSON; raises what Python raises for those of another form.

    What a reasoning model thinks is not part of the answer, but of the tokens that it takes.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        """What the server calls the reason of the end, once it has told."""
        self.usage: Usage | None = None
        """The tokens that the server counted, if it tells."""
        self._calls: list[_Call] = []
        self._at_index: dict[int, _Call] = {}
        self._written: list[str] = []

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the model stopped; nothing when it did not by itself.

        Servers say `stop` for a tool call that was forced, and some for every one.
        """
        reason = _REASONS.get(self.reason or "")
        if reason in ("stop", "tool_calls"):
            return "tool_calls" if self._calls else "stop"
        return reason

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls, whole; an answer that was cut off has none."""
        if self.finish_reason != "tool_calls":
            return ()
        # Not every server gives its calls ids; their results need one.
        return tuple(
            ToolCall(call.id or f"call_{uuid4().hex}", call.name, "".join(call.arguments))
            for call in self._calls
        )

    @property
    def tokens_written(self) -> int:
        """About how many tokens the model wrote, thoughts and calls included."""
        return estimated_tokens("".join(self._written))

    def read(self, chunk: Any) -> str | None:
        """Take a chunk; return the text in it, nothing where it has thoughts or calls, None for another one."""
        self._read_usage(chunk.get("usage"))
        text, before = "", len(self._written)
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            said = delta.get("content") or delta.get("refusal") or ""
            thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
            text += said
            self._written += filter(None, (said, thought))
            for piece in delta.get("tool_calls") or ():
                self._read_call(piece)
            if legacy := delta.get("function_call"):
                self._read_call({"function": legacy})
            self.reason = choice.get("finish_reason") or self.reason
        return text if len(self._written) > before else None

    def _read_usage(self, usage: Any) -> None:
        """Some servers send a running count with every chunk: the last one holds."""
        if not usage:
            return
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if all(isinstance(count, int) for count in counts):
            self.usage = Usage(*counts)

    def _read_call(self, piece: Mapping[str, Any]) -> None:
        call = self._call(piece)
        function = piece.get("function") or {}
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        if name != call.name:  # some servers repeat it in every piece
            call.name += name
        call.arguments.append(arguments)
        self._written += [name, arguments]

    def _call(self, piece: Mapping[str, Any]) -> _Call:
        """Return the call that a piece belongs to. Some servers number all calls 0: another id is another call."""
        index, id = piece.get("index") or 0, piece.get("id") or ""
        call = self._at_index.get(index)
        if call is None or (id and call.id and id != call.id):
            call = self._at_index[index] = _Call()
            self._calls.append(call)
        call.id = call.id or id
        return call
