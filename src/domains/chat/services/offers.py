"""The models that people may choose among, with what they hold and what they cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from src.domains.chat.services.ports import ChatModel, Usage
from src.shared.exceptions.errors import InvalidRequest

ASSISTANT = "assistant"
"""What programs call the platform's own assistant; no model and no profile has this name."""
MILLION = 1_000_000


class UnknownModel(InvalidRequest):
    code = "unknown_model"


@dataclass(frozen=True)
class Offer:
    """One model as people know it. Sizes in tokens, prices in US dollars for a million of them."""

    name: str
    label: str
    model: ChatModel
    context_tokens: int
    max_output_tokens: int
    price_in: float = 0.0
    price_out: float = 0.0
    takes_tools: bool = True
    answers_by_rules: bool = False
    """It reads no instructions, and small tasks (titles, summaries, rewriting) follow rules as well."""

    def priced(self, usage: Usage) -> Usage:
        """Return the usage with what it costs; a cost that the model itself told stays."""
        cost = (usage.tokens_in * self.price_in + usage.tokens_out * self.price_out) / MILLION
        return replace(usage, cost=usage.cost + cost)


class Offers:
    """All models by name; those that stand in for one that is down; and a small one for small tasks.

    `fallbacks` are tried in their order after the model that was chosen. `helper` rewrites questions, and writes
    titles and summaries; without one, each session's own model does.
    """

    def __init__(
        self,
        offers: Sequence[Offer],
        *,
        default: str,
        fallbacks: Sequence[str] = (),
        helper: str | None = None,
    ) -> None:
        self._offers = {offer.name: offer for offer in offers}
        self.default = self._offers[default]
        self._fallbacks = [self._offers[name] for name in fallbacks]
        self._helper = self._offers[helper] if helper else None

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers.values())

    def __contains__(self, name: str | None) -> bool:
        return name in self._offers

    def get(self, name: str | None) -> Offer:
        """Return the model of this name, the default one without a name; raise `UnknownModel`."""
        if name is None:
            return self.default
        if name not in self._offers:
            known = ", ".join(self._offers)
            raise UnknownModel(f"There is no model {name!r} here. There are: {known}.")
        return self._offers[name]

    def chain(self, first: Offer) -> list[Offer]:
        """Return the model and those that stand in for it, in order."""
        return [first, *(offer for offer in self._fallbacks if offer.name != first.name)]

    def helper(self, chosen: Offer) -> Offer | None:
        """Return who does the small tasks of a session with this model; None where they follow rules."""
        helper = self._helper or chosen
        return None if helper.answers_by_rules else helper
