"""The chat turn: a question is saved, its answer set off, followed, stopped, and settled."""

import asyncio
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from src.domains.chat.models import Message
from src.domains.chat.services.answering import AnswerWriter, Progress
from src.domains.chat.services.asking import QuestionDesk, question_of
from src.domains.chat.services.digests import DigestWriter
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.keeping import GenerationKeeper, Interrupted
from src.domains.chat.services.ports import ModelFailed
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.screening import Screened, Screener
from src.domains.chat.services.sessions import NotAnAnswer, find_message
from src.domains.chat.services.settling import settle
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.standings import OverBudget
from src.domains.chat.services.turn import Ask, Place, Turn
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import NothingChanged, UnitOfWork
from src.shared.exceptions.errors import InvalidRequest, PlatformError, Unavailable
from src.shared.middleware.authentication import Principal

log = structlog.get_logger(__name__)

STOP_SECONDS = 3.0
"""How long a stop is waited for; the process that writes the answer hears of it within a second."""

STOPPING = "The server is stopping. Ask again soon."


class EmptyMessage(InvalidRequest):
    code = "empty_message"


class MessageTooLong(InvalidRequest):
    code = "message_too_long"


class TooManyGenerations(Unavailable):
    code = "too_many_generations"


class Stopping(Unavailable):
    code = "stopping"


@dataclass(frozen=True)
class TurnLimits:
    """Bounds of turns; times in seconds."""

    message_characters: int
    generations: int
    waiting: int
    generation_timeout: float
    stop_grace: float


class TurnService:
    """Takes questions and makes answers. Generations run as tasks of their own, whoever listens or leaves."""

    def __init__(
        self,
        database: Database,
        screener: Screener,
        desk: QuestionDesk,
        writer: AnswerWriter,
        digests: DigestWriter,
        keeper: GenerationKeeper,
        spending: Spending,
        readable: ReadableCitations,
        limits: TurnLimits,
    ) -> None:
        self._database = database
        self._screener = screener
        self._desk = desk
        self._writer = writer
        self._digests = digests
        self._keeper = keeper
        self._spending = spending
        self._readable = readable
        self._limits = limits
        self._places = asyncio.Semaphore(limits.generations)
        self._beginning = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def ask(self, ask: Ask) -> Generation:
        """Save what is asked and set off its answer; the same request again finds the same answer."""
        ask = replace(ask, content=unicodedata.normalize("NFC", ask.content).strip())
        if not ask.answers_again:
            self._check_length(ask)
        self._check_load()
        self._beginning += 1
        try:
            if ask.answers_again:
                ask = replace(ask, content=await self._database.read(lambda uow: _asked_before(uow, ask)))
            screened = await self._screener.screen(ask)
            # Shielded: a question that is saved gets its answer, also when its asker has just left.
            return await asyncio.shield(self._begin(screened))
        finally:
            self._beginning -= 1

    async def find(self, asker: Principal, message_id: UUID) -> Generation:
        """Return an answer, in the making or ended; raise when it is not the asker's."""
        await self._database.read(lambda uow: _find_answer(uow, asker, message_id))
        return await self._found(asker, message_id)

    async def stop_answer(self, asker: Principal, message_id: UUID) -> Generation:
        """Stop an answer where it is, and keep that; one that has ended stays as it is."""
        generation = await self.find(asker, message_id)
        if generation.status == "pending":
            if generation.task:
                generation.stop()
            else:
                await self._keeper.stop_elsewhere(message_id)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await generation.wait(asker)
        return generation

    def drain(self) -> None:
        """Take no more questions, send readers away to come back later, and end running answers after a while."""
        if not self._is_stopping:
            self._is_stopping = True
            self._keeper.send_readers_away()
            asyncio.get_running_loop().call_later(self._limits.stop_grace, self._interrupt)

    async def stop(self) -> None:
        """Return when all answers have ended, well or cut off and saved as far as they have come."""
        self.drain()
        await asyncio.gather(*self._tasks)
        await self._digests.stop()

    def _interrupt(self) -> None:
        self._keeper.stop_following(Interrupted(STOPPING))
        for generation in self._keeper.written:
            if generation.task:
                generation.task.cancel()

    def _check_length(self, ask: Ask) -> None:
        """A program's message may be as long as its body and the model's context: it brings its own material."""
        if not ask.content:
            raise EmptyMessage("The message is empty.")
        if not ask.request and len(ask.content) > self._limits.message_characters:
            raise MessageTooLong(
                f"The message is longer than {self._limits.message_characters:,} characters. "
                "Shorten it, or upload the text as a document."
            )

    def _check_load(self) -> None:
        if self._is_stopping:
            raise Stopping(STOPPING, retry_after=2)
        if self._keeper.count() + self._beginning >= self._limits.generations + self._limits.waiting:
            raise TooManyGenerations("Too many answers are being written. Try again soon.", retry_after=2)

    async def _begin(self, screened: Screened) -> Generation:
        ask, started, leased_until = screened.ask, time.monotonic(), self._keeper.leased_until()
        alone = self._spending.runs_alone(ask.asker)
        try:
            place = await self._database.write(
                lambda uow: self._desk.save(uow, screened, leased_until), alone=alone
            )
        except OverBudget as refusal:
            await self._spending.tell(refusal, ask.asker.user_id)
            raise
        if not isinstance(place, Place):
            return await self._found(ask.asker, place)
        if place.hold:
            self._spending.held.add(place.hold.id)
        generation = Generation(
            place.session_id, place.question.id, place.answer_id, ask.asker, masked=place.masked
        )
        if place.refusal:
            generation.release(place.refusal)
            generation.is_blocked, generation.finish_reason = True, "content_filter"
            generation.end("blocked")
            return generation
        task = asyncio.create_task(
            self._generate(Turn(ask, place, generation, started)), name=f"generation-{place.answer_id}"
        )
        generation.task = task
        self._keeper.keep(generation)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return generation

    async def _found(self, asker: Principal, message_id: UUID) -> Generation:
        """Return an answer; of one that has ended the citations that its asker may read now."""
        generation = await self._keeper.find(message_id)
        if generation.status != "pending" and generation.citations:
            readable = await self._readable.documents(generation.citations, asker)
            generation.citations = [each for each in generation.citations if each.document_id in readable]
        return generation

    async def _generate(self, turn: Turn) -> None:
        generation, progress = turn.generation, Progress()
        try:
            async with self._places, asyncio.timeout(self._limits.generation_timeout):
                await self._writer.write(turn, progress)
        except asyncio.CancelledError:
            generation.error = None if generation.is_stopped else Interrupted(STOPPING)
        except TimeoutError:
            generation.error = ModelFailed("The model took too long. Ask again.")
        except PlatformError as error:
            generation.error = error
        except Exception:
            log.exception("generation_failed", message_id=str(generation.message_id))
            generation.error = ModelFailed("The answer could not be written. Ask again.")
        await self._settle(turn, progress)

    async def _settle(self, turn: Turn, progress: Progress) -> None:
        """Save what became of the answer, and tell who follows it; nothing cuts this off."""
        generation, hold = turn.generation, turn.place.hold
        generation.task = None
        await progress.sum_up(generation)
        try:
            standing = await self._database.write(
                lambda uow: settle(uow, turn, progress, self._spending),
                alone=bool(hold) and self._database.shared,
            )
            generation.budget = standing.shown if standing else None
        except NothingChanged:
            # Another process took this one for gone, or the session was erased.
            generation.error = Interrupted("This answer was closed before it was complete. Ask again.")
            if hold:
                await self._spending.settle_alone(hold, generation.usage)
        except Exception:  # whoever follows is told all the same; its lease ends, and it is closed
            log.exception("answer_not_saved", message_id=str(generation.message_id))
            generation.error = Unavailable("The answer could not be saved. Ask again.")
        self._spending.held.discard(generation.message_id)
        self._keeper.let_go(generation)
        generation.end(generation.outcome)
        if generation.status == "completed":
            self._digests.write_later(turn)


def _asked_before(uow: UnitOfWork, ask: Ask) -> str:
    """Return the question that is to be answered again: rules may be others now."""
    message = find_message(uow, ask.asker.user_id, ask.answers_again or UUID(int=0))
    return question_of(uow, message, ask.asker).content


def _find_answer(uow: UnitOfWork, asker: Principal, message_id: UUID) -> Message:
    message = find_message(uow, asker.user_id, message_id)
    if message.role != "assistant":
        raise NotAnAnswer("Only answers can be followed or stopped.")
    return message
