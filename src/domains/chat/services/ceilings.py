"""The most that a call of a model may take, told before it is made.

Estimates of tokens are trusted as far as prompts are: a tokenizer may make a third more of a text.
"""

import math
from collections.abc import Iterable

from src.domains.chat.services.briefing import bare_prompt
from src.domains.chat.services.context import TRUSTED, message_tokens, tools_tokens
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import Prompt, PromptMessage, Usage
from src.domains.chat.services.prompts import rewrite_prompt
from src.domains.chat.services.tokens import estimated_tokens
from src.domains.chat.services.turn import Ask, Place


class Ceilings:
    """Tokens in and out, and their price; `source_tokens` is what the passages of an answer are expected to take.

    Of the models that may stand in for one another the dearest counts.
    """

    def __init__(self, offers: Offers, source_tokens: int) -> None:
        self._offers = offers
        self._source_tokens = source_tokens

    def of_answer(self, ask: Ask, place: Place) -> Usage:
        """Return what an answer may take before its sources are known: one call, and the rewriting before it."""
        searches = ask.request is None or ask.request.searches
        prompt = bare_prompt(place, ask.request)
        ceiling = self.of_call(place.offer, prompt, beside=self._source_tokens if searches else 0)
        helper = self._offers.helper(place.offer)
        if searches and place.history and helper:
            said = [PromptMessage(each.role, each.content) for each in place.history if each.content]
            ceiling += _most([helper], rewrite_prompt(said, place.question.content), beside=0)
        return ceiling

    def of_call(self, chosen: Offer, prompt: Prompt, *, beside: int = 0) -> Usage:
        """Return what one call with this prompt may take, and `beside` it what is not in it yet."""
        return _most(self._offers.chain(chosen), prompt, beside=beside)


def _most(offers: Iterable[Offer], prompt: Prompt, *, beside: int) -> Usage:
    given = beside + estimated_tokens(prompt.system) + tools_tokens(prompt.tools)
    given += sum(map(message_tokens, prompt.messages))
    if not prompt.system:
        given += sum(estimated_tokens(passage.text) for passage in prompt.passages)
    given = math.ceil(given / TRUSTED)
    each = [
        offer.priced(Usage(min(given, offer.context_tokens), min(prompt.max_tokens, offer.max_output_tokens)))
        for offer in offers
    ]
    return Usage(*(max(values) for values in zip(*map(_values, each), strict=True)))


def _values(usage: Usage) -> tuple[int, int, float]:
    return usage.tokens_in, usage.tokens_out, usage.cost
