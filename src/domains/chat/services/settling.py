"""What became of an answer is saved, and told."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.services.answering import Progress, milliseconds_since
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.standings import Standing
from src.domains.chat.services.tools import ToolCallRecord
from src.domains.chat.services.turn import Turn
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent
from src.shared.events.chat import ChatResponseFailed, ChatResponseGenerated


def settle(uow: UnitOfWork, turn: Turn, progress: Progress, spending: Spending) -> Standing | None:
    """Save the answer as it is in its generation, and what it took of the budgets that apply.

    Returns how its asker stands with them; `NothingChanged` when it was closed or erased meanwhile.
    """
    generation = turn.generation
    event = _event(turn, progress)
    documents = {UUID(citation.document_id) for citation in generation.citations}
    messages = MessageRepository(uow)
    messages.finish(generation.message_id, {**_values(turn, progress, event), "status": generation.outcome})
    for document_id in documents:
        messages.add_cited_document(generation.message_id, document_id)
    if progress.guard:
        for each in progress.guard.interventions:
            uow.record(each.event(turn.ask.asker, generation.session_id, generation.message_id))
    uow.record(event)
    hold = turn.place.hold
    return spending.settle(uow, hold, generation.usage) if hold else None


def _values(turn: Turn, progress: Progress, event: DomainEvent) -> dict[str, Any]:
    generation, usage = turn.generation, turn.generation.usage
    return {
        "content": generation.text,
        "model": generation.model,
        "failed_models": list(generation.failed_models),
        "finish_reason": generation.finish_reason,
        "grounded": generation.grounded,
        "searched_for": generation.searched_for,
        "citations": [citation.model_dump() for citation in generation.citations],
        "tool_calls": [*generation.tool_calls, *_asked(generation)],
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost": usage.cost,
        "first_token_ms": progress.first_token_ms,
        "total_ms": milliseconds_since(turn.started),
        "error_code": generation.error.code if generation.error else None,
    }


def _asked(generation: Generation) -> Iterator[dict[str, Any]]:
    return (ToolCallRecord.asked(call).model_dump() for call in generation.asked_tools)


def _event(turn: Turn, progress: Progress) -> DomainEvent:
    generation, usage = turn.generation, turn.generation.usage
    total_ms = milliseconds_since(turn.started)
    common = {
        "session_id": generation.session_id,
        "message_id": generation.message_id,
        "question_id": generation.question_id,
        "user_id": turn.ask.asker.user_id,
        "group_ids": turn.ask.asker.group_ids,
        "failed_models": tuple(generation.failed_models),
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost": usage.cost,
    }
    if generation.error:
        return ChatResponseFailed(**common, model=generation.model, code=generation.error.code)
    return ChatResponseGenerated(
        **common,
        model=generation.model or turn.place.offer.name,
        grounded=generation.grounded,
        retrieved_passage_ids=tuple(passage.passage_id for passage in progress.passages),
        cited_passage_ids=tuple(UUID(citation.passage_id) for citation in generation.citations),
        first_token_ms=progress.first_token_ms or total_ms,
        total_ms=total_ms,
        finish_reason=generation.finish_reason or "stop",
        tools=tuple(call["name"] for call in generation.tool_calls),
    )
