"""What there is of an answer is kept while it is written, so that any process can show it and none can lose it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.guardrail import Sealer
from src.domains.chat.services.ports import ToolCall, Usage
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.chat import ChatResponseFailed
from src.shared.exceptions.errors import NotFound, PlatformError, Unavailable

log = structlog.get_logger(__name__)


class Interrupted(Unavailable):
    code = "interrupted"


class AnswerFailed(Unavailable):
    """An answer failed some time ago; `code` says how."""

    def __init__(self, code: str | None) -> None:
        super().__init__("This answer could not be written to its end. Ask again.")
        self.code = code or Interrupted.code


class AnswerGone(NotFound):
    code = "answer_gone"


@dataclass(frozen=True)
class KeepingLimits:
    """Seconds between two savings, and how long a process may be silent until its answers are closed."""

    save: float
    lease: float


class GenerationKeeper:
    """The answers that this process writes, and those that it follows while another one does.

    An answer's text is saved as it grows, and its lease prolonged; when the lease of a process that is gone has
    run out, another process closes its answers with what was saved of them.
    """

    def __init__(self, database: Database, sealer: Sealer, limits: KeepingLimits) -> None:
        self._database = database
        self._sealer = sealer
        self._limits = limits
        self._written: dict[UUID, Generation] = {}
        self._saved_revisions: dict[UUID, int] = {}
        self._mirrored: dict[UUID, Generation] = {}
        self._is_leaving = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def written(self) -> Sequence[Generation]:
        return tuple(self._written.values())

    def count(self) -> int:
        """Return how many answers this process writes, or has waiting for their turn."""
        return len(self._written)

    def leased_until(self) -> datetime:
        """Return until when this process's answers are its own, if it says nothing more."""
        return utc_now() + timedelta(seconds=self._limits.lease)

    async def start(self) -> None:
        """Close the answers that a stopped server left unfinished, and keep this one's from now on."""
        gone = utc_now() if self._database.shared else None
        await self._database.write(lambda uow: _interrupt_abandoned(uow, gone), alone=True)
        duties = {"save": self._limits.save, "follow": self._limits.save, "lease": self._limits.lease / 3}
        works = {"save": self._save, "follow": self._follow, "lease": self._renew_leases}
        self._tasks = [
            asyncio.create_task(_again_and_again(works[name], seconds), name=f"generations-{name}")
            for name, seconds in duties.items()
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def keep(self, generation: Generation) -> None:
        """Keep an answer from now on, until it is let go."""
        self._written[generation.message_id] = generation
        self._send_away_from(generation)

    def let_go(self, generation: Generation) -> None:
        self._written.pop(generation.message_id, None)
        self._saved_revisions.pop(generation.message_id, None)

    async def find(self, message_id: UUID) -> Generation:
        """Return an answer to follow, whoever writes it, or as it was saved; raise `AnswerGone` without one."""
        if here := self._written.get(message_id) or self._mirrored.get(message_id):
            return here
        rows = await self._states([message_id])
        if not rows:
            raise AnswerGone("This answer was deleted.")
        masked = self._sealer.unseal(rows[0]["masked_values"])
        generation = Generation(rows[0]["session_id"], rows[0]["parent_id"], message_id, masked=masked)
        _mirror(generation, rows[0])
        if generation.status == "pending":
            generation = self._mirrored.setdefault(message_id, generation)
            self._send_away_from(generation)
        return generation

    def send_readers_away(self) -> None:
        """Have all who read, and all who come from now on, come back later: this server is stopping."""
        self._is_leaving = True
        for generation in (*self._written.values(), *self._mirrored.values()):
            self._send_away_from(generation)

    def look_again(self) -> None:
        """Have all who read look whether they still may: somebody's rights are others than before."""
        for generation in (*self._written.values(), *self._mirrored.values()):
            generation.look_again()

    def stop_following(self, why: PlatformError) -> None:
        """Tell those who wait for answers of other processes that this one waits no longer."""
        for generation in self._mirrored.values():
            generation.error = why
            generation.end(generation.outcome)
        self._mirrored.clear()

    async def stop_elsewhere(self, message_id: UUID) -> None:
        """Let the process that writes the answer know that it is to be stopped."""
        await self._database.write(lambda uow: MessageRepository(uow).request_stop(message_id))

    def _send_away_from(self, generation: Generation) -> None:
        if self._is_leaving:
            generation.leave()

    async def _save(self) -> None:
        changed = {
            each.message_id: (
                each.revision,
                {"content": each.text, "tool_calls": list(each.tool_calls)},
            )
            for each in self._written.values()
            if each.revision != self._saved_revisions.get(each.message_id, 0)
        }
        if changed:

            def save(uow: UnitOfWork) -> None:
                for message_id, (_revision, values) in changed.items():
                    MessageRepository(uow).save_progress(message_id, values)

            await self._database.write(save)
            saved = {id: revision for id, (revision, _values) in changed.items() if id in self._written}
            self._saved_revisions.update(saved)

    async def _follow(self) -> None:
        """Learn what other processes write, and what they were asked to stop here."""
        if self._database.shared and self._written:
            ids = list(self._written)
            stopped = await self._database.read(lambda uow: MessageRepository(uow).to_stop(ids))
            for generation in (self._written.get(message_id) for message_id in stopped):
                if generation:
                    generation.stop()
        if mirrored := dict(self._mirrored):
            rows = {row["id"]: row for row in await self._states(list(mirrored))}
            for message_id, generation in mirrored.items():
                _mirror(generation, rows.get(message_id))
                if generation.status != "pending":
                    self._mirrored.pop(message_id, None)

    async def _states(self, message_ids: Sequence[UUID]) -> Sequence[RowMapping]:
        return await self._database.read(lambda uow: MessageRepository(uow).states(message_ids))

    async def _renew_leases(self) -> None:
        def renew(uow: UnitOfWork) -> None:
            now = utc_now()
            if self._written:
                MessageRepository(uow).prolong(list(self._written), self.leased_until())
            _interrupt_abandoned(uow, now)

        await self._database.write(renew, alone=True)


async def _again_and_again(work: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            log.exception("answers_not_kept")


def _mirror(generation: Generation, row: RowMapping | None) -> None:
    """Bring an answer that another process writes to what is saved of it; without a row it was erased."""
    if row is None:
        generation.error = Interrupted("This answer was deleted.")
        generation.end("interrupted")
        return
    asked = [call for call in row["tool_calls"] if call["status"] == "asked"]
    generation.asked_tools = [ToolCall(call["id"], call["name"], call["arguments"]) for call in asked]
    for number, call in enumerate(call for call in row["tool_calls"] if call not in asked):
        if generation.tool_calls[number : number + 1] != [call]:  # who waits is woken by news alone
            generation.show_tool(call, number)
    generation.release(row["content"][len(generation.text) :])
    if row["status"] == "pending":
        return
    generation.model, generation.failed_models = row["model"], row["failed_models"]
    generation.finish_reason, generation.grounded = row["finish_reason"], bool(row["grounded"])
    generation.citations = [Citation.model_validate(each) for each in row["citations"]]
    generation.usage = Usage(row["tokens_in"] or 0, row["tokens_out"] or 0, row["cost"] or 0.0)
    if row["status"] in ("failed", "interrupted"):
        generation.error = AnswerFailed(row["error_code"])
    generation.end(row["status"])


def _interrupt_abandoned(uow: UnitOfWork, before: datetime | None) -> None:
    sessions = SessionRepository(uow)
    for message in MessageRepository(uow).abandoned(before):
        message.status, message.error_code = "interrupted", Interrupted.code
        uow.record(
            ChatResponseFailed(
                session_id=message.session_id,
                message_id=message.id,
                question_id=message.parent_id or message.id,
                user_id=sessions.owner(message.session_id),
                group_ids=(),
                code=Interrupted.code,
            )
        )
