"""The guardrail as chat sees it: rules, what they find in a text, and the ports of those who look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from src.shared.exceptions.errors import Unavailable

Direction = Literal["input", "output", "passages"]
"""What people say, what models answer, and what is found for it in documents or comes from tools."""
Action = Literal["block", "mask", "flag"]
Category = Literal[
    "resident_number",
    "phone",
    "passport",
    "driver_licence",
    "business_number",
    "bank_account",
    "email",
    "card",
    "iban",
    "ssn",
    "secret",
    "injection",
    "term",
    "denied_topic",
    "allowed_topic",
]


@dataclass(frozen=True)
class Rule:
    """What becomes of texts in which something of a category is found.

    A `term` and topics have their own `terms`; an `allowed_topic` is missed where none of them is found. Topics
    hold for one profile, or for all without `profile_id`; `reply` is what a blocked person is told.
    """

    id: UUID
    category: Category
    action: Action
    directions: frozenset[Direction]
    terms: tuple[str, ...] = ()
    profile_id: UUID | None = None
    reply: str = ""

    def holds_for(self, profile_id: UUID | None) -> bool:
        return self.profile_id in (None, profile_id)


@dataclass(frozen=True)
class Finding:
    """What a rule has found, from `start` to before `end`; an allowed topic that is missed is nowhere: 0 to 0."""

    start: int
    end: int
    rule: Rule


class RuleSet(Protocol):
    """Rules that hold together in one process. Pure computing: below a millisecond for 2,000 characters."""

    def find(self, text: str, direction: Direction) -> Sequence[Finding]:
        """Return what is found, in order; of several that overlap, the one with the strictest action."""
        ...

    def settled(self, text: str, direction: Direction) -> int:
        """Return up to where more text can change nothing of what is found; the rest is to be held back."""
        ...


class RuleCompiler(Protocol):
    """Makes rules ready for use."""

    def __call__(self, rules: Sequence[Rule]) -> RuleSet: ...


class GuardrailUnavailable(Unavailable):
    """A text could not be checked, and is not let through unchecked."""

    code = "guardrail_unavailable"


@dataclass(frozen=True)
class Judgement:
    """What a service outside makes of a text.

    `text` is what it lets through, with `mask` without what it took out; with `block` it is not let through.
    `found` are the categories in its own words, with how often.
    """

    text: str
    action: Action | None = None
    found: Mapping[str, int] = field(default_factory=dict)


class Moderator(Protocol):
    """A guardrail outside, which is asked beside the rules and after them: it sees what they let through."""

    async def judge(self, text: str, direction: Literal["input", "output"]) -> Judgement:
        """Judge a text in bounded time; raise `GuardrailUnavailable`."""
        ...

    async def close(self) -> None: ...


class Sealer(Protocol):
    """Keeps values that were masked, so that nobody reads them in the database."""

    def seal(self, values: Mapping[str, str]) -> str: ...

    def unseal(self, sealed: str | None) -> dict[str, str]:
        """Return the values; none where nothing was sealed, or with another key."""
        ...
