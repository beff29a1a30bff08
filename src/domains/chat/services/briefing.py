"""The prompt of an answer: all that belongs to it, as much of it as the model's context holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

from src.domains.chat.services.context import budget, fit, fit_passages, message_tokens, shortened
from src.domains.chat.services.offers import Offer
from src.domains.chat.services.ports import ContextTooLong, Prompt, PromptMessage, ToolSpec
from src.domains.chat.services.prompts import answer_system
from src.domains.chat.services.turn import Assistant, OpenRequest, Place, Turn
from src.shared.events.knowledge import Passage
from src.shared.language import detect_language

Write = Callable[[Sequence[Passage]], str]
"""Writes the system text around these sources."""

SURELY_FITS = 0.25
"""A message with fewer characters than this share of a context's tokens need not be counted."""


def check_fits(offer: Offer, assistant: Assistant, question: str) -> None:
    """Raise `ContextTooLong` when the question and the assistant's instructions alone are too much."""
    if len(question) + len(assistant.instructions) > offer.context_tokens * SURELY_FITS:
        budget(
            context_tokens=offer.context_tokens,
            max_output_tokens=offer.max_output_tokens,
            system=_system(assistant, question, date.min, ()),
            question=question,
        )


def answer_prompt(
    turn: Turn,
    offer: Offer,
    passages: Sequence[Passage],
    said: Sequence[PromptMessage],
    tools: tuple[ToolSpec, ...],
    today: date,
) -> Prompt:
    """Return the prompt: the sources and the history that fit, the question, and what was `said` since by tools.

    What a program tells of its own conversation is not shortened: it raises `ContextTooLong` when it does not fit.
    """
    place, request = turn.place, turn.ask.request
    question = PromptMessage("user", place.question.content)
    if offer.answers_by_rules:
        return Prompt((*place.history, question), passages=tuple(passages))
    write = partial(
        _system, place.assistant, question.content, today, summary=place.summary, has_tools=bool(tools)
    )
    if request:
        write = partial(_open_system, request, write)
    room = budget(
        context_tokens=offer.context_tokens,
        max_output_tokens=_most_output(offer, request),
        system=write(()),
        question=question.content,
        tools=tools,
    )
    if request:
        taken = _conversation_tokens(place.history, said, room.sources + room.history + room.results)
        kept, history = fit_passages(passages, room.sources + room.history - taken), place.history
    else:
        fitted = fit(room, place.history, passages)
        kept, history, said = fitted.passages, fitted.history, _shortened(said, fitted.results)
    prompt = Prompt(
        (*history, question, *said),
        system=write(kept),
        passages=kept,
        tools=tools,
        max_tokens=room.answer,
        temperature=place.assistant.temperature,
    )
    return _as_asked_for(prompt, request) if request else prompt


def bare_prompt(place: Place, request: OpenRequest | None) -> Prompt:
    """Return what the prompt of an answer is made of, uncut, but for the sources."""
    write = partial(_system, place.assistant, place.question.content, date.min, summary=place.summary)
    question = PromptMessage("user", place.question.content)
    return Prompt(
        (*place.history, question, *(request.said_since if request else ())),
        system=_open_system(request, write, ()) if request else write(()),
        tools=request.tools if request else (),
        max_tokens=_most_output(place.offer, request),
    )


def _system(
    assistant: Assistant,
    question: str,
    today: date,
    passages: Sequence[Passage],
    *,
    summary: str | None = None,
    has_tools: bool = False,
) -> str:
    return answer_system(
        instructions=assistant.instructions,
        passages=passages,
        language=detect_language(question),
        without_sources=assistant.without_sources,
        today=today,
        has_tools=has_tools,
        summary=summary or "",
    )


def _open_system(
    request: OpenRequest, write: Callable[[Sequence[Passage]], str], passages: Sequence[Passage]
) -> str:
    """Return a program's own system text, behind the assistant's where it asks one."""
    return "\n\n".join([write(passages), request.system]).rstrip() if request.searches else request.system


def _most_output(offer: Offer, request: OpenRequest | None) -> int:
    wanted = request.max_tokens if request else None
    return min(wanted or offer.max_output_tokens, offer.max_output_tokens)


def _conversation_tokens(history: Sequence[PromptMessage], said: Sequence[PromptMessage], most: int) -> int:
    taken = sum(message_tokens(message) for message in (*history, *said))
    if taken > most:
        raise ContextTooLong(
            f"The conversation takes about {taken:,} tokens, and this model has room for {most:,} of it. "
            "Leave out its beginning, or choose a model with a larger context."
        )
    return taken


def _shortened(said: Sequence[PromptMessage], tokens: int) -> tuple[PromptMessage, ...]:
    """Return what was said since, with results of tools that take no more than these tokens in all."""
    results = sum(message.role == "tool" for message in said)
    return tuple(
        replace(message, content=shortened(message.content, tokens // results))
        if message.role == "tool"
        else message
        for message in said
    )


def _as_asked_for(prompt: Prompt, request: OpenRequest) -> Prompt:
    return replace(
        prompt,
        tool_choice=request.tool_choice,
        temperature=prompt.temperature if request.temperature is None else request.temperature,
        top_p=request.top_p,
        stop=request.stop,
    )
