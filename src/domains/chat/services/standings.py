"""How somebody stands with their budgets, and the refusal when there is too little left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from src.domains.chat.services.allowances import DOLLAR, NOBODY, Allowance, dollars
from src.domains.chat.services.ports import Usage
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import TooManyRequests

Kind = Literal["tokens", "cost"]

LONGEST_WAIT = 3_600
"""Seconds after which whoever was refused may look again: an administrator may have given more by then."""
SOON = 10
"""Seconds until some of what is reserved is likely to be settled."""

_WHOSE = {"user": "Your", "group": "Your group's", "platform": "The platform's"}


@dataclass(frozen=True)
class Amount:
    """Tokens, and billionths of a US dollar."""

    tokens: int = 0
    cost: int = 0

    @classmethod
    def of(cls, usage: Usage) -> "Amount":
        return cls(usage.tokens_in + usage.tokens_out, round(usage.cost * DOLLAR))

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens - other.tokens, self.cost - other.cost)

    def at_least(self, other: "Amount") -> "Amount":
        """Return the greater of the two, of each kind."""
        return Amount(max(self.tokens, other.tokens), max(self.cost, other.cost))


@dataclass
class Hold:
    """What is reserved for a call of a model, or for all calls of an answer, until it is settled."""

    id: UUID
    user_id: UUID
    allowances: Sequence[Allowance]
    reserved: Amount


@dataclass(frozen=True)
class Standing:
    """How much of an allowance is used, and how much of it is reserved."""

    allowance: Allowance
    used: Amount = Amount()
    reserved: Amount = Amount()

    @classmethod
    def of(cls, allowance: Allowance, account: Mapping[str, Any] | None) -> "Standing":
        if account is None:
            return cls(allowance)
        return cls(
            allowance,
            Amount(account["tokens_used"], account["cost_used"]),
            Amount(account["tokens_reserved"], account["cost_reserved"]),
        )

    @property
    def share_used(self) -> float:
        """How much of the limit is used, of tokens or of money, whichever is more; of a limit of 0 all is."""
        limits = self.allowance.limits
        shares = ((self.used.tokens, limits.tokens), (self.used.cost, limits.cost))
        return max(used / limit if limit else 1.0 for used, limit in shares if limit is not None)

    def lacks(self, more: Amount, *, beside_reserved: bool = True) -> Kind | None:
        """Return what there is no room for, if anything."""
        taken = self.used + more + (self.reserved if beside_reserved else Amount())
        limits = self.allowance.limits
        if limits.tokens is not None and taken.tokens > limits.tokens:
            return "tokens"
        return "cost" if limits.cost is not None and taken.cost > limits.cost else None

    @property
    def told(self) -> dict[str, Any]:
        """What events tell of it."""
        allowance = self.allowance
        return {
            "scope": allowance.scope,
            "subject_id": None if allowance.subject_id == NOBODY else allowance.subject_id,
            "period": allowance.period,
            "resets_at": allowance.resets_at,
            "tokens_used": self.used.tokens,
            "tokens_limit": allowance.limits.tokens,
            "cost_used": self.used.cost / DOLLAR,
            "cost_limit": dollars(allowance.limits.cost),
        }

    @property
    def shown(self) -> dict[str, Any]:
        """What people and programs are told of it, as JSON."""
        allowance, limits = self.allowance, self.allowance.limits
        return {
            "scope": allowance.scope,
            "subject_id": None if allowance.subject_id == NOBODY else str(allowance.subject_id),
            "period": allowance.period,
            "resets_at": allowance.resets_at.isoformat(),
            "tokens": {
                "limit": limits.tokens,
                "used": self.used.tokens,
                "reserved": self.reserved.tokens,
            },
            "cost": {
                "limit": dollars(limits.cost),
                "used": self.used.cost / DOLLAR,
                "reserved": self.reserved.cost / DOLLAR,
            },
            "share_used": round(self.share_used, 4),
        }


class OverBudget(TooManyRequests):
    """A call may take more than is left; `standing` says of what."""

    code = "budget_exceeded"

    def __init__(self, standing: Standing, needed: Amount, kind: Kind) -> None:
        super().__init__(_detail(standing, needed, kind), retry_after=_wait(standing, needed))
        self.standing = standing
        self.members = {"budget": standing.shown}


def _detail(standing: Standing, needed: Amount, kind: Kind) -> str:
    def said(amount: Amount) -> str:
        return f"{amount.tokens:,} tokens" if kind == "tokens" else f"${amount.cost / DOLLAR:,.4f}"

    allowance = standing.allowance
    limit = Amount(allowance.limits.tokens or 0, allowance.limits.cost or 0)
    return (
        f"{_WHOSE[allowance.scope]} budget of this {allowance.period} does not leave enough. Of {said(limit)}, "
        f"{said(standing.used)} are used and {said(standing.reserved)} reserved for answers in the making; this "
        f"may take {said(needed)}. It begins anew at {allowance.resets_at:%Y-%m-%d %H:%M %Z}."
    )


def _wait(standing: Standing, needed: Amount) -> int:
    """Return the seconds until it is worth asking again."""
    if standing.lacks(needed, beside_reserved=False) is None:
        return SOON
    left: float = (standing.allowance.resets_at - utc_now()).total_seconds()
    return max(min(int(left) + 1, LONGEST_WAIT), 1)
