"""What was said in a conversation, in short, by rules: each question with the sentence that answered it."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from src.domains.chat.services.citations import MARK, without_marks
from src.domains.chat.services.context import shortened
from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.tokens import estimated_tokens
from src.shared.language import split_sentences

_READ = 4_000
_QUESTION = 40
_ANSWER = 60
# Who reads a summary needs what was said last more than what was said first.
_OLDER = 45
_MARK_BEHIND = re.compile(r"(?<![.!?。…])([.!?。…]+)((?:\s?\[\d{1,3}\])+)")


def summary_of(previous: str, messages: Sequence[PromptMessage], tokens: int) -> str:
    """Return a line `- question → answer` for each turn, oldest first, in at most so many tokens.

    Of an answer its first sentence with a citation is taken, without one the first. Lines of the summary before
    come first and are shortened; where the room ends, the oldest are left out.
    """
    older = [shortened(line, _OLDER) for line in _sentences(previous)]
    return "\n".join(_newest_that_fit([*older, *_lines(messages)], tokens))


def _sentences(summary: str) -> Iterable[str]:
    for line in summary.splitlines():
        yield from split_sentences(line)


def _lines(messages: Sequence[PromptMessage]) -> Iterable[str]:
    for asked, answered in pairwise(messages):
        if (asked.role, answered.role) == ("user", "assistant"):
            question = shortened(" ".join(asked.content[:_READ].split()), _QUESTION)
            yield f"- {question} → {shortened(_main_sentence(answered.content[:_READ]), _ANSWER)}"


def _main_sentence(answer: str) -> str:
    sentences = split_sentences(_MARK_BEHIND.sub(r"\2\1", answer)) or [""]
    sentence = next((each for each in sentences if MARK.search(each)), sentences[0])
    return without_marks(sentence).strip()


def _newest_that_fit(lines: list[str], tokens: int) -> list[str]:
    kept: list[str] = []
    for line in reversed(lines):
        if estimated_tokens("\n".join([line, *kept])) > tokens:
            break
        kept.insert(0, line)
    return kept or [shortened(line, tokens) for line in lines[-1:]]
