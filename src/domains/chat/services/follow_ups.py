"""stub"""

from collections.abc import Sequence

from src.domains.chat.services.ports import PromptMessage

TITLE_CHARACTERS = 60


def standalone_by_rule(history: Sequence[PromptMessage], question: str) -> str:
    return question


def title_by_rule(question: str) -> str:
    first_line = question.splitlines()[0].strip()
    return first_line if len(first_line) <= TITLE_CHARACTERS else first_line[: TITLE_CHARACTERS - 1] + "…"


def summary_by_rule(previous: str | None, messages: Sequence[PromptMessage]) -> str:
    return previous or ""
