"""The chat turn: a question, the passages that may answer it, the answer."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy import RowMapping
from uuid_utils.compat import uuid7

from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.domains.chat.services.citations import CitationCheck
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.ports import ChatModel, ModelFailed, Prompt, PromptMessage
from src.domains.chat.services.sessions import UnknownSession, find_message
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import NothingChanged, UnitOfWork
from src.shared.events.base import utc_now
from src.shared.events.bus import EventBus
from src.shared.events.chat import ChatMessageReceived, ChatResponseFailed, ChatResponseGenerated
from src.shared.events.knowledge import Passage, PassagesRequested
from src.shared.exceptions.errors import InvalidRequest, PlatformError, Unavailable
from src.shared.language import detect_language
from src.shared.middleware.authentication import Principal

log = structlog.get_logger(__name__)

TITLE_CHARACTERS = 60
QUERY_CHARACTERS = 2_000
"""How much of a question passages are looked up by."""

FIGURES = {"model", "grounded", "tokens_in", "tokens_out", "cost", "first_token_ms", "total_ms"}

SEARCH_FAILED = {
    "ko": "지금은 문서를 검색할 수 없어 문서를 보지 않고 답합니다.\n\n",
    "en": "The documents cannot be searched right now, so this answer does not rest on them.\n\n",
}


class EmptyMessage(InvalidRequest):
    code = "empty_message"


class MessageTooLong(InvalidRequest):
    code = "message_too_long"


class TooManyGenerations(Unavailable):
    code = "too_many_generations"


class Interrupted(Unavailable):
    code = "interrupted"


@dataclass(frozen=True)
class TurnLimits:
    """Bounds of a turn; times in seconds."""

    message_characters: int
    generations: int
    passages: int
    passages_timeout: float
    history_messages: int
    generation_timeout: float
    lease: float
    stop_grace: float


@dataclass(frozen=True)
class _Turn:
    """What a turn knows once its question is saved."""

    asker: Principal
    question: str
    history: tuple[PromptMessage, ...]
    started: float
    generation: Generation


class TurnService:
    """Takes questions and makes answers. Generations run as tasks of their own, whoever listens or leaves."""

    def __init__(self, database: Database, bus: EventBus, model: ChatModel, limits: TurnLimits) -> None:
        self._database = database
        self._bus = bus
        self._model = model
        self._limits = limits
        self._running: dict[UUID, Generation] = {}
        self._beginning = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._leases: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Close the answers that a stopped server left unfinished, and hold this one's from now on."""
        gone = utc_now() if self._database.shared else None
        await self._database.write(lambda uow: _interrupt_abandoned(uow, gone), alone=True)
        self._leases = asyncio.create_task(self._keep_leases(), name="generation-leases")

    async def stop(self) -> None:
        """Let running answers finish for a while, then save the others as far as they have come."""
        if self._leases:
            self._leases.cancel()
        if self._tasks:
            _done, unfinished = await asyncio.wait(self._tasks, timeout=self._limits.stop_grace)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def ask(self, asker: Principal, content: str, session_id: UUID | None) -> Generation:
        """Save the question, in a new session when none is given, and set off its answer."""
        question = content.strip()
        self._check(question)
        self._beginning += 1
        try:
            # Shielded: a question that is saved gets its answer, also when its asker has just left.
            return await asyncio.shield(self._begin(asker, question, session_id))
        finally:
            self._beginning -= 1

    async def _begin(self, asker: Principal, question: str, session_id: UUID | None) -> Generation:
        started = time.monotonic()
        question_id, answer_id, new_session_id = uuid7(), uuid7(), uuid7()

        def save(uow: UnitOfWork) -> tuple[PromptMessage, ...]:
            now = utc_now()
            common = {"session_id": session_id or new_session_id, "created_at": now}
            history: tuple[PromptMessage, ...] = ()
            parent_id = None
            if session_id is None:
                SessionRepository(uow).insert(
                    {
                        "id": new_session_id,
                        "user_id": asker.user_id,
                        "title": _title(question),
                        "leaf_id": answer_id,
                        "created_at": now,
                        "updated_at": now,
                    }
                )
            else:
                parent_id, history = self._continue(uow, asker, session_id, question, answer_id, now)
            asked = {"id": question_id, "parent_id": parent_id, "role": "user", "content": question}
            answer = {"id": answer_id, "parent_id": question_id, "role": "assistant", "content": ""}
            leased_until = now + timedelta(seconds=self._limits.lease)
            MessageRepository(uow).insert({**common, **asked, "status": "completed", "leased_until": None})
            MessageRepository(uow).insert(
                {**common, **answer, "status": "pending", "leased_until": leased_until}
            )
            uow.record(
                ChatMessageReceived(
                    session_id=session_id or new_session_id,
                    message_id=question_id,
                    answer_id=answer_id,
                    user_id=asker.user_id,
                    group_ids=asker.group_ids,
                    message=question,
                )
            )
            return history

        history = await self._database.write(save)
        generation = Generation(session_id or new_session_id, question_id, answer_id)
        self._run(_Turn(asker, question, history, started, generation))
        return generation

    def _continue(
        self,
        uow: UnitOfWork,
        asker: Principal,
        session_id: UUID,
        question: str,
        answer_id: UUID,
        now: datetime,
    ) -> tuple[UUID | None, tuple[PromptMessage, ...]]:
        """Continue the session; return its last message and what was said in it."""
        session = SessionRepository(uow).to_continue(session_id, asker.user_id)
        if session is None:
            raise UnknownSession("There is no such session.")
        SessionRepository(uow).go_on(session_id, session["title"] or _title(question), answer_id, now)
        if session["leaf_id"] is None:
            return None, ()
        branch = MessageRepository(uow).branch(session["leaf_id"], self._limits.history_messages)
        return session["leaf_id"], _past(branch)

    async def running(self, asker: Principal, message_id: UUID) -> Generation | None:
        """Return the answer in the making, None when it has ended; raise when it is not the asker's."""
        await self._database.read(lambda uow: find_message(uow, asker.user_id, message_id))
        return self._running.get(message_id)

    def _check(self, question: str) -> None:
        if not question:
            raise EmptyMessage("The message is empty.")
        if len(question) > self._limits.message_characters:
            raise MessageTooLong(
                f"The message is longer than {self._limits.message_characters:,} characters. "
                "Shorten it, or upload the text as a document."
            )
        if len(self._running) + self._beginning >= self._limits.generations:
            raise TooManyGenerations("Too many answers are being written. Try again soon.", retry_after=2)

    def _run(self, turn: _Turn) -> None:
        generation = turn.generation
        self._running[generation.message_id] = generation
        task = asyncio.create_task(self._generate(turn), name=f"generation-{generation.message_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_leases(self) -> None:
        """Prolong this process's pending answers, and close those of processes that are gone."""
        while True:
            await asyncio.sleep(self._limits.lease / 3)
            try:
                await self._database.write(self._renew_leases, alone=True)
            except Exception:
                log.exception("leases_not_renewed")

    def _renew_leases(self, uow: UnitOfWork) -> None:
        now = utc_now()
        if running := list(self._running):
            MessageRepository(uow).prolong(running, now + timedelta(seconds=self._limits.lease))
        _interrupt_abandoned(uow, now)

    async def _generate(self, turn: _Turn) -> None:
        generation = turn.generation
        try:
            await self._answer(turn)
        except asyncio.CancelledError:
            await self._fail(turn, "interrupted", Interrupted("The server is stopping. Ask again soon."))
            raise
        except PlatformError as error:
            await self._fail(turn, "failed", error)
        except Exception:
            log.exception("generation_failed", message_id=str(generation.message_id))
            await self._fail(turn, "failed", ModelFailed("The answer could not be written. Ask again."))
        finally:
            self._running.pop(generation.message_id, None)

    async def _answer(self, turn: _Turn) -> None:
        generation = turn.generation
        passages, searched = await self._passages(turn)
        if not searched:
            generation.release(SEARCH_FAILED[detect_language(turn.question)])
        check = CitationCheck(passages)
        first_token_ms = None
        try:
            async with asyncio.timeout(self._limits.generation_timeout):
                async for chunk in self._model.stream(_prompt(turn, passages)):
                    generation.release(check.feed(chunk.text))
                    if first_token_ms is None and chunk.text:
                        first_token_ms = _milliseconds_since(turn.started)
                    generation.usage = chunk.usage or generation.usage
                    generation.finish_reason = chunk.finish_reason or generation.finish_reason
        except TimeoutError:
            raise ModelFailed("The model took too long. Ask again.") from None
        generation.release(check.finish())
        generation.citations = check.citations
        generation.grounded = bool(check.citations)
        total_ms = _milliseconds_since(turn.started)
        await self._complete(turn, passages, first_token_ms or total_ms, total_ms)

    async def _passages(self, turn: _Turn) -> tuple[tuple[Passage, ...], bool]:
        """Return the passages for the question, and whether the search worked: it never fails the chat."""
        request = PassagesRequested(
            query=turn.question[:QUERY_CHARACTERS],
            group_ids=turn.asker.group_ids,
            limit=self._limits.passages,
        )
        try:
            retrieved = await self._bus.request(request, timeout=self._limits.passages_timeout)
        except Exception:
            log.exception("passages_unavailable", message_id=str(turn.generation.message_id))
            return (), False
        return retrieved.passages, True

    async def _complete(
        self, turn: _Turn, passages: Sequence[Passage], first_token_ms: int, total_ms: int
    ) -> None:
        generation, usage = turn.generation, turn.generation.usage
        event = ChatResponseGenerated(
            session_id=generation.session_id,
            message_id=generation.message_id,
            question_id=generation.question_id,
            user_id=turn.asker.user_id,
            group_ids=turn.asker.group_ids,
            model=self._model.name,
            grounded=generation.grounded,
            retrieved_passage_ids=tuple(passage.passage_id for passage in passages),
            cited_passage_ids=tuple(UUID(citation.passage_id) for citation in generation.citations),
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=usage.cost,
            first_token_ms=first_token_ms,
            total_ms=total_ms,
        )

        figures = event.model_dump(include=FIGURES)
        citations = [citation.model_dump() for citation in generation.citations]

        def save(uow: UnitOfWork) -> None:
            values = {"status": "completed", "content": generation.text, "citations": citations, **figures}
            MessageRepository(uow).finish(generation.message_id, values)
            uow.record(event)

        with suppress(NothingChanged):
            await self._database.write(save)
        generation.end("completed")

    async def _fail(
        self, turn: _Turn, status: Literal["failed", "interrupted"], error: PlatformError
    ) -> None:
        generation = turn.generation
        generation.error = error

        event = ChatResponseFailed(
            session_id=generation.session_id,
            message_id=generation.message_id,
            question_id=generation.question_id,
            user_id=turn.asker.user_id,
            group_ids=turn.asker.group_ids,
            code=error.code,
        )

        def save(uow: UnitOfWork) -> None:
            values = {"status": status, "content": generation.text, "error_code": error.code}
            MessageRepository(uow).finish(generation.message_id, values)
            uow.record(event)

        try:
            with suppress(NothingChanged):
                await self._database.write(save)
        except Exception:  # whoever follows is told all the same; the next start closes the message
            log.exception("failure_not_saved", message_id=str(generation.message_id))
        generation.end(status)


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


def _past(messages: Sequence[RowMapping]) -> tuple[PromptMessage, ...]:
    return tuple(
        PromptMessage(message["role"], message["content"])
        for message in messages
        if message["status"] == "completed"
    )


def _prompt(turn: _Turn, passages: tuple[Passage, ...]) -> Prompt:
    return Prompt((*turn.history, PromptMessage("user", turn.question)), passages=passages)


def _title(question: str) -> str:
    first_line = question.splitlines()[0].strip()
    return first_line if len(first_line) <= TITLE_CHARACTERS else first_line[: TITLE_CHARACTERS - 1] + "…"


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
