"""How sources and history share a model's context. Sizes are tokens as `estimated_tokens` counts them.

A tokenizer may make a third more of a text than the estimate says, so no more than three quarters of what the
answer leaves are given out. The answer's own share is real tokens: the model is told to stop there.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise

from src.domains.chat.services.ports import ContextTooLong, PromptMessage, ToolSpec
from src.domains.chat.services.sources import sources_text
from src.domains.chat.services.tokens import estimated_tokens
from src.shared.events.knowledge import Passage

TRUSTED = 0.75
"""The share of the context that estimates may fill."""
MESSAGE_TOKENS = 4
"""What a model's template puts around a message."""

_ANSWER = 0.5
_HISTORY = 0.4
_RESULTS = 0.25
_SMALLEST = 24
_SUMMARY_DUE = 0.75
_KEPT = 0.5

Turn = tuple[PromptMessage, PromptMessage]


@dataclass(frozen=True)
class Budget:
    """Tokens for each part: what the model may answer, and what sources, history and results of tools may take.

    What the history does not need is the sources', and the reverse.
    """

    answer: int
    sources: int
    history: int
    results: int


@dataclass(frozen=True)
class Fitted:
    """What there is room for; `results` are the tokens left for what tools return."""

    passages: tuple[Passage, ...]
    history: tuple[PromptMessage, ...]
    answer: int
    results: int


def budget(
    *,
    context_tokens: int,
    max_output_tokens: int,
    system: str,
    question: str,
    tools: Sequence[ToolSpec] = (),
) -> Budget:
    """Share a model's context; `system` is the system text without any source.

    The answer gets what the model may write, but at most half of the context. Raises `ContextTooLong` when what
    cannot be left out does not fit.
    """
    answer = min(max_output_tokens, int(context_tokens * _ANSWER))
    given = int((context_tokens - answer) * TRUSTED)
    needed = estimated_tokens(system) + estimated_tokens(question) + 2 * MESSAGE_TOKENS + tools_tokens(tools)
    if needed > given:
        raise ContextTooLong(
            f"The message and the assistant's instructions take about {needed:,} tokens, and this model has room "
            f"for {given:,}. Shorten the message, choose a model with a larger context, or upload the text as a "
            "document and ask about it."
        )
    free = given - needed
    results = int(free * _RESULTS) if tools else 0
    history = int((free - results) * _HISTORY)
    return Budget(answer, free - results - history, history, results)


def fit(budget: Budget, history: Sequence[PromptMessage], passages: Sequence[Passage]) -> Fitted:
    """Return the passages and the turns that fit, each with what the other leaves over."""
    shared = budget.sources + budget.history
    kept = fit_passages(passages, shared - min(history_tokens(history), budget.history))
    rest = shared - sum(map(_passage_tokens, kept)) if history else 0
    return Fitted(kept, fit_history(history, rest), budget.answer, budget.results)


def fit_history(history: Sequence[PromptMessage], tokens: int) -> tuple[PromptMessage, ...]:
    """Return the newest whole turns that fit, oldest first; when not even the last does, that one cut.

    Questions without an answer and answers without a question are left out, so that user and assistant
    alternate and the user begins.
    """
    kept: list[PromptMessage] = []
    turns = _turns(history)
    for turn in reversed(turns):
        if history_tokens(kept) + _turn_tokens(turn) > tokens:
            break
        kept[:0] = turn
    return tuple(kept) or (_cut(turns[-1], tokens) if turns else ())


def fit_passages(passages: Sequence[Passage], tokens: int) -> tuple[Passage, ...]:
    """Return the best passages that fit, whole; when not even the first does, that one cut.

    The first that does not fit ends it: numbers stay those of the order in which they were found.
    """
    taken = accumulate(_passage_tokens(passage) for passage in passages)
    count = sum(1 for sum_of_tokens in taken if sum_of_tokens <= tokens)
    return tuple(passages[:count]) or (_cut_passage(passages[0], tokens) if passages else ())


def due_for_summary(history: Sequence[PromptMessage], tokens: int) -> Sequence[PromptMessage]:
    """Return the oldest messages, which a summary should stand for from now on; none while all fit well.

    It is due when three quarters of the history's tokens are used, before anything is left out, and leaves the
    newest turns that fill half of them, at least one.
    """
    if history_tokens(history) <= tokens * _SUMMARY_DUE:
        return ()
    kept = max(len(fit_history(history, int(tokens * _KEPT))) // 2, 1)
    return history[: _turn_starts(history)[-kept]]


def history_tokens(history: Sequence[PromptMessage]) -> int:
    """Return what the whole turns of a history take."""
    return sum(map(_turn_tokens, _turns(history)))


def message_tokens(message: PromptMessage) -> int:
    """Return what a message takes, with the calls of tools in it."""
    calls = "".join(call.name + call.arguments for call in message.tool_calls)
    return estimated_tokens(message.content + calls) + MESSAGE_TOKENS


def shortened(text: str, tokens: int, size: Callable[[str], int] = estimated_tokens) -> str:
    """Return the text, cut with "…" at its end when it is larger; nothing when there is room for nothing."""
    if size(text) <= tokens:
        return text
    # No tokens are smaller than a quarter of a character: what is behind cannot fit.
    lengths = range(min(len(text), tokens * 4) + 1)
    fitting = bisect_right(lengths, tokens, key=lambda length: size(text[:length] + "…"))
    return text[: fitting - 1] + "…" if fitting > 1 else ""


def _passage_tokens(passage: Passage) -> int:
    return estimated_tokens(sources_text([passage], first_number=100) + "\n\n")


def _cut_passage(passage: Passage, tokens: int) -> tuple[Passage, ...]:
    def with_text(text: str) -> Passage:
        return passage.model_copy(update={"text": text})

    text = shortened(passage.text[: tokens * 4], tokens, lambda text: _passage_tokens(with_text(text)))
    return (with_text(text),) if estimated_tokens(text) >= _SMALLEST else ()


def _turns(history: Sequence[PromptMessage]) -> list[Turn]:
    return [(history[at], history[at + 1]) for at in _turn_starts(history)]


def _turn_starts(history: Sequence[PromptMessage]) -> list[int]:
    return [
        at
        for at, (asked, answered) in enumerate(pairwise(history))
        if (asked.role, answered.role) == ("user", "assistant") and asked.content and answered.content
    ]


def _turn_tokens(turn: Turn) -> int:
    return sum(estimated_tokens(message.content) + MESSAGE_TOKENS for message in turn)


def _cut(turn: Turn, tokens: int) -> tuple[PromptMessage, ...]:
    room = tokens - 2 * MESSAGE_TOKENS
    if room < 2 * _SMALLEST:
        return ()
    question = shortened(turn[0].content, room // 2)
    answer = shortened(turn[1].content, room - estimated_tokens(question))
    return (PromptMessage("user", question), PromptMessage("assistant", answer))


def tools_tokens(tools: Sequence[ToolSpec]) -> int:
    """Return what the descriptions of tools take."""
    return estimated_tokens(json.dumps([asdict(tool) for tool in tools], ensure_ascii=False)) if tools else 0
