"""stub"""

from collections.abc import Sequence

from src.domains.chat.services.offers import Offer
from src.domains.chat.services.ports import Prompt, PromptMessage, ToolSpec
from src.domains.chat.services.turn import Turn
from src.shared.events.knowledge import Passage


def check_fits(offer: Offer, instructions: str, question: str) -> None:
    pass


def answer_prompt(
    turn: Turn,
    offer: Offer,
    passages: Sequence[Passage],
    said: Sequence[PromptMessage],
    tools: tuple[ToolSpec, ...],
) -> Prompt:
    place = turn.place
    return Prompt(
        (*place.history, PromptMessage("user", place.question.content), *said),
        passages=tuple(passages),
        tools=tools,
    )


def rewrite_prompt(history: Sequence[PromptMessage], question: str) -> Prompt:
    return Prompt(tuple(history))


def clean_rewrite(text: str, question: str) -> str:
    return text
