"""Follow-up questions are made to stand alone before passages are looked up by them."""

import asyncio
from collections.abc import Sequence

import structlog

from src.domains.chat.services.calling import ModelCaller
from src.domains.chat.services.follow_ups import stand_alone
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import ModelFailed, PromptMessage, PromptRefused, Usage
from src.domains.chat.services.prompts import clean_rewrite, rewrite_prompt

log = structlog.get_logger(__name__)


class QuestionRewriter:
    """Lets a model rewrite a question; without one, and when it fails or is slow, a rule does."""

    def __init__(self, offers: Offers, caller: ModelCaller, seconds: float) -> None:
        self._offers = offers
        self._caller = caller
        self._seconds = seconds

    async def standalone(
        self, chosen: Offer, history: Sequence[PromptMessage], question: str
    ) -> tuple[str, Usage]:
        """Return the question as it can be understood without what was said before, and what that took."""
        if not history:
            return question, Usage()
        helper = self._offers.helper(chosen)
        if helper is None:
            return stand_alone(history, question), Usage()
        call = self._caller.call(helper, lambda _offer: rewrite_prompt(history, question), may_switch=False)
        try:
            async with asyncio.timeout(self._seconds):
                return clean_rewrite(await call.text(), history, question), call.usage
        except (ModelFailed, PromptRefused, TimeoutError) as error:
            log.warning("question_rewritten_by_rule", reason=repr(error))
            return stand_alone(history, question), call.usage
