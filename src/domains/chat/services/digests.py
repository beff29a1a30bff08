"""Titles and summaries: written after an answer, so that nobody waits for them."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Literal

import structlog

from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.domains.chat.services.calling import ModelCaller
from src.domains.chat.services.context import due_for_summary
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import ModelFailed, Prompt, PromptMessage, PromptRefused
from src.domains.chat.services.prompts import (
    SUMMARY_TOKENS,
    clean_summary,
    clean_title,
    summary_prompt,
    title_prompt,
)
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.standings import Hold, OverBudget
from src.domains.chat.services.summaries import summary_of
from src.domains.chat.services.turn import Turn
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.chat import ChatModelUsed
from src.shared.language import detect_language

log = structlog.get_logger(__name__)

Purpose = Literal["title", "summary"]

HISTORY_SHARE = 0.25
"""The share of a model's context that history may fill; it is summed up before it does."""
MANY = 0.75
"""The share of the messages that are looked back upon at the most, from which they are summed up too."""
AT_ONCE = 4


class DigestWriter:
    """Gives a new session the title that a model finds, and sums up what was said when it becomes long.

    Without a model for small tasks the title stays the one that rules made when the session was opened, and
    rules make the summary. A summary that fails, or that the asker's budget does not allow, is made by rules; a
    title stays as it is.
    """

    def __init__(
        self,
        database: Database,
        offers: Offers,
        caller: ModelCaller,
        spending: Spending,
        most_messages: int,
    ) -> None:
        self._database = database
        self._offers = offers
        self._caller = caller
        self._spending = spending
        self._most_messages = most_messages
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def write_later(self, turn: Turn) -> None:
        """Do what is due after this answer, in a task of its own."""
        if turn.ask.request:
            return
        helper = self._offers.helper(turn.place.offer)
        if helper and not turn.place.question.parent_id:
            self._set_off(self._write_title(turn, helper))
        if due := self._due(turn):
            self._set_off(self._write_summary(turn, helper, due))

    async def stop(self) -> None:
        """Let go of what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _set_off(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._in_turn(work), name="digests")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._places:
            try:
                await work
            except Exception:
                log.exception("digest_not_written")

    def _due(self, turn: Turn) -> Sequence[PromptMessage]:
        """Return the oldest messages, where a summary should stand for them from now on."""
        history = turn.place.history
        if len(history) >= self._most_messages * MANY:
            return history[: len(history) // 4 * 2]
        return due_for_summary(history, int(turn.place.offer.context_tokens * HISTORY_SHARE))

    async def _write_title(self, turn: Turn, helper: Offer) -> None:
        question, answer = turn.place.question.content, turn.generation.text
        prompt = title_prompt(question, answer, detect_language(question))
        if text := await self._asked(turn, helper, prompt, "title"):
            title = clean_title(text, question)
            await self._database.write(
                lambda uow: SessionRepository(uow).set_automatic_title(turn.place.session_id, title)
            )

    async def _write_summary(self, turn: Turn, helper: Offer | None, due: Sequence[PromptMessage]) -> None:
        earlier, up_to = turn.place.summary or "", turn.place.history_ids[len(due) - 1]
        text = ""
        if helper:
            prompt = summary_prompt(earlier, due, int(helper.context_tokens * HISTORY_SHARE))
            text = clean_summary(await self._asked(turn, helper, prompt, "summary"))
        summary = text or summary_of(earlier, due, SUMMARY_TOKENS)
        await self._database.write(lambda uow: MessageRepository(uow).set_summary(up_to, summary))

    async def _asked(self, turn: Turn, helper: Offer, prompt: Prompt, purpose: Purpose) -> str:
        """Return what the model answers, nothing when it fails; tell what that has cost."""
        try:
            hold = await self._spending.reserve_call(turn.ask.asker, helper, prompt)
        except OverBudget:
            return ""
        try:
            return await self._paid(turn, helper, prompt, purpose, hold)
        finally:
            if hold:
                self._spending.held.discard(hold.id)

    async def _paid(
        self, turn: Turn, helper: Offer, prompt: Prompt, purpose: Purpose, hold: Hold | None
    ) -> str:
        call = self._caller.call(helper, lambda _offer: prompt, may_switch=False)
        try:
            text = await call.text()
        except (ModelFailed, PromptRefused) as error:
            log.warning("digest_failed", purpose=purpose, reason=str(error))
            text = ""
        event = ChatModelUsed(
            session_id=turn.place.session_id,
            answer_id=turn.place.answer_id,
            user_id=turn.ask.asker.user_id,
            group_ids=turn.ask.asker.group_ids,
            purpose=purpose,
            model=helper.name,
            tokens_in=call.usage.tokens_in,
            tokens_out=call.usage.tokens_out,
            cost=call.usage.cost,
        )

        def tell(uow: UnitOfWork) -> None:
            uow.record(event)
            if hold:
                self._spending.settle(uow, hold, call.usage)

        await self._database.write(tell, alone=bool(hold) and self._database.shared)
        return text
