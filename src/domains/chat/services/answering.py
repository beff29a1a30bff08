"""How an answer comes about: what is searched for, what the model is told, the tools it calls, what is shown."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import structlog

from src.domains.chat.services.briefing import answer_prompt
from src.domains.chat.services.calling import ModelCall, ModelCaller
from src.domains.chat.services.citations import CitationCheck
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.grounding import is_grounded
from src.domains.chat.services.guarding import AnswerBlocked, AnswerGuard
from src.domains.chat.services.guardrail import Moderator
from src.domains.chat.services.guardrail_rules import RuleBook
from src.domains.chat.services.offers import Offer
from src.domains.chat.services.ports import (
    Asker,
    Prompt,
    PromptMessage,
    ToolCall,
    ToolSpec,
    Usage,
)
from src.domains.chat.services.rewriting import QuestionRewriter
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.tools import Toolbox, ToolCallRecord, ToolScope
from src.domains.chat.services.turn import OpenRequest, Turn
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import Passage, PassagesRequested
from src.shared.language import detect_language

log = structlog.get_logger(__name__)

QUERY_CHARACTERS = 2_000
"""How much of a question passages are looked up by."""

TOO_MANY_CALLS = "This tool was not called: too many calls in one answer. Answer with what you have."

SEARCH_FAILED = {
    "ko": "지금은 문서를 검색할 수 없어 문서를 보지 않고 답합니다.\n\n",
    "en": "The documents cannot be searched right now, so this answer does not rest on them.\n\n",
}

SOURCES_LEFT_OUT = {
    "ko": "찾은 문서가 모두 회사의 안전 규칙에 걸려, 문서를 보지 않고 답합니다.\n\n",
    "en": "All documents that were found go against the company's safety rules, so this answer does not rest on "
    "them.\n\n",
}


@dataclass(frozen=True)
class AnswerLimits:
    """Passages that a model is given; seconds that they may take; rounds and calls of tools in one answer."""

    passages: int
    passages_timeout: float
    tool_rounds: int
    tool_calls: int


@dataclass
class Progress:
    """An answer on its way: the sources so far, the calls of models, and when the first text came."""

    guard: AnswerGuard | None = None
    check: CitationCheck = field(default_factory=lambda: CitationCheck(()))
    found: Sequence[Passage] = ()
    """By the search before the model spoke."""
    passages: list[Passage] = field(default_factory=list)
    """All sources, with those that tools found, in the order of their numbers."""
    calls: list[ModelCall] = field(default_factory=list)
    rewriting: Usage = field(default_factory=Usage)
    first_token_ms: int | None = None

    @property
    def usage(self) -> Usage:
        """What it has taken so far."""
        return sum((call.usage for call in self.calls), self.rewriting)

    async def sum_up(self, generation: Generation) -> None:
        """Bring what there is into the answer: its sources, what it took, and who wrote it."""
        generation.citations = self.check.citations
        generation.usage = self.usage
        generation.failed_models = list(dict.fromkeys(name for call in self.calls for name in call.failed))
        for number, call in enumerate(generation.tool_calls):
            if call["status"] == "running":  # it was cut off with the answer
                generation.show_tool({**call, "status": "failed"}, number)
        if generation.is_stopped:
            generation.finish_reason = "stopped"
        if generation.citations and not generation.error:
            # Milliseconds of computing, more for a long answer.
            generation.grounded = await asyncio.to_thread(is_grounded, generation.text, generation.citations)


class AnswerWriter:
    """Writes answers into their generations."""

    def __init__(
        self,
        bus: EventBus,
        caller: ModelCaller,
        rewriter: QuestionRewriter,
        toolbox: Toolbox,
        spending: Spending,
        rules: RuleBook,
        moderator: Moderator | None,
        limits: AnswerLimits,
        time_zone: ZoneInfo,
    ) -> None:
        self._bus = bus
        self._caller = caller
        self._rewriter = rewriter
        self._toolbox = toolbox
        self._spending = spending
        self._rules = rules
        self._moderator = moderator
        self._limits = limits
        self._time_zone = time_zone

    async def write(self, turn: Turn, progress: Progress) -> None:
        """Write the whole answer; `progress` tells at any time what it has taken so far."""
        language = detect_language(turn.place.question.content)
        guard = progress.guard = AnswerGuard(self._rules.current, self._moderator, language)
        try:
            if _searches(turn):
                await self._search(turn, progress, guard)
            await self._converse(turn, progress, guard)
            self._release(turn, progress, await guard.feed(progress.check.finish()))
            self._release(turn, progress, await guard.finish())
        except AnswerBlocked as blocked:
            _cut(turn.generation, blocked.last_words)

    async def _search(self, turn: Turn, progress: Progress, guard: AnswerGuard) -> None:
        """Find the sources. That the search fails is said, but never fails the answer."""
        standalone, progress.rewriting = await self._rewriter.standalone(
            turn.place.offer, turn.place.history, turn.place.question.content
        )
        turn.generation.searched_for = standalone
        request = PassagesRequested(
            query=standalone[:QUERY_CHARACTERS],
            group_ids=turn.ask.asker.group_ids,
            limit=self._limits.passages,
            collection_ids=turn.place.assistant.collection_ids,
            user_id=turn.ask.asker.user_id,
            session_id=turn.generation.session_id,
        )
        try:
            retrieved = await self._bus.request(request, timeout=self._limits.passages_timeout)
        except Exception:
            log.exception("passages_unavailable", message_id=str(turn.generation.message_id))
            self._release(turn, progress, SEARCH_FAILED[detect_language(turn.place.question.content)])
            return
        progress.found = guard.passages(retrieved.passages)
        if retrieved.passages and not progress.found:
            self._release(turn, progress, SOURCES_LEFT_OUT[detect_language(turn.place.question.content)])
        self._add_sources(progress, progress.found)

    def _add_sources(self, progress: Progress, passages: Sequence[Passage]) -> None:
        progress.passages += passages
        progress.check.add(passages)

    async def _converse(self, turn: Turn, progress: Progress, guard: AnswerGuard) -> None:
        """Let the model speak; while it calls tools of ours, run them and let it go on."""
        request = turn.ask.request or OpenRequest()
        said, tools = list(request.said_since), self._tools(turn)
        for rounds_left in range(self._limits.tool_rounds, -1, -1):
            may_call = rounds_left > 0 or bool(request.tools)
            text, calls = await self._speak(turn, progress, guard, said, tools, may_call=may_call)
            calls = tuple(replace(call, arguments=guard.arguments(call.arguments)) for call in calls)
            if not calls:
                return
            if request.tools:
                turn.generation.asked_tools = calls
                return
            said.append(PromptMessage("assistant", text, calls))
            said += [await self._run_tool(turn, progress, guard, call) for call in calls]

    def _tools(self, turn: Turn) -> tuple[ToolSpec, ...]:
        if turn.ask.request and (turn.ask.request.tools or not _searches(turn)):
            return turn.ask.request.tools
        asker = turn.ask.asker
        return self._toolbox.offered(Asker(asker.user_id, asker.group_ids))

    async def _speak(
        self,
        turn: Turn,
        progress: Progress,
        guard: AnswerGuard,
        said: Sequence[PromptMessage],
        tools: tuple[ToolSpec, ...],
        *,
        may_call: bool,
    ) -> tuple[str, tuple[ToolCall, ...]]:
        """Call the model once and show what it says; return that, and the tools that it wants to call."""

        def prompt_for(offer: Offer) -> Prompt:
            offered = tools if offer.takes_tools else ()
            prompt = answer_prompt(turn, offer, progress.found, said, offered, self._today())
            return prompt if may_call else replace(prompt, tool_choice="none")

        offer = turn.place.offer
        if turn.place.hold:
            await self._spending.cover(turn.place.hold, progress.usage, offer, prompt_for(offer))
        # What was shown by one model is not gone on with by another one.
        call = self._caller.call(offer, prompt_for, may_switch=not turn.generation.text)
        # Where nothing is searched, brackets are whatever the program has them mean.
        check = progress.check.feed if _searches(turn) else str
        progress.calls.append(call)
        text: list[str] = []
        calls: list[ToolCall] = []
        async with aclosing(call.chunks()) as chunks:
            async for chunk in chunks:
                text.append(chunk.text)
                calls += chunk.tool_calls
                self._release(turn, progress, await guard.feed(check(chunk.text)))
                turn.generation.model = call.offer.name
                turn.generation.finish_reason = chunk.finish_reason or turn.generation.finish_reason
        return "".join(text), tuple(calls) if may_call else ()

    async def _run_tool(
        self, turn: Turn, progress: Progress, guard: AnswerGuard, call: ToolCall
    ) -> PromptMessage:
        """Run a tool, and show that; searches number their passages on, so one call follows the other."""
        if len(turn.generation.tool_calls) >= self._limits.tool_calls:
            return PromptMessage("tool", TOO_MANY_CALLS, tool_call_id=call.id)
        asker = turn.ask.asker
        scope = ToolScope(
            Asker(asker.user_id, asker.group_ids),
            turn.place.session_id,
            turn.place.assistant.collection_ids,
            guard.passages,
        )
        started, record = time.monotonic(), ToolCallRecord.of(call)
        number = turn.generation.show_tool(record.model_dump())
        result = await self._toolbox.run(call, scope, first_source=len(progress.passages) + 1)
        if not result.passages:
            result = replace(result, text=guard.tool_result(result.text))
        turn.generation.show_tool(record.ended(result, milliseconds_since(started)).model_dump(), number)
        self._add_sources(progress, result.passages)
        return PromptMessage("tool", result.text, tool_call_id=call.id)

    def _today(self) -> date:
        return datetime.now(self._time_zone).date()

    def _release(self, turn: Turn, progress: Progress, text: str) -> None:
        turn.generation.release(text)
        if text and progress.first_token_ms is None:
            progress.first_token_ms = milliseconds_since(turn.started)


def _cut(generation: Generation, last_words: str) -> None:
    generation.release("\n\n" * bool(generation.text) + last_words)
    generation.is_blocked, generation.finish_reason, generation.asked_tools = True, "content_filter", ()


def _searches(turn: Turn) -> bool:
    return turn.ask.request is None or turn.ask.request.searches


def milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
