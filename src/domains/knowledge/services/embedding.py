"""Vectors of passages, made in the background: a document is found by words at once, by meaning a little later."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from src.domains.knowledge.models import DocumentVersion, PassageVector
from src.domains.knowledge.repositories.vectors import PassageToEmbed, VectorRepository
from src.domains.knowledge.services.ports import Embedder, EmbedderUnavailable, Vector
from src.infrastructure.database.checkpoints import now
from src.infrastructure.database.database import Database
from src.infrastructure.database.faults import NOBODYS_FAULT
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.knowledge import EarlierVectorsDeleted, PassagesEmbedded

PLAIN_TEXT = "A plain text."
"""What any embedder takes that serves at all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EmbeddingLimits:
    """Passages a batch, and seconds: of a lease on a document, between looks for work, of the longest pause.

    After so many `tries` of a document single passages are given up on, if the embedder serves others.
    """

    batch: int = 16
    tries: int = 5
    lease: float = 120.0
    poll: float = 1.0
    longest_pause: float = 60.0

    def pause(self, failures: int) -> float:
        return min(self.poll * 2.0 ** min(failures, 30), self.longest_pause)


@dataclass
class _Job:
    """A version in this process's hands: nobody else takes it before `until`."""

    version_id: UUID
    document_id: UUID
    collection_id: UUID
    title: str
    until: datetime


class _JobGone(Exception):
    """The version was deleted or replaced, or another process has taken it over."""


class EmbeddingWorker:
    """Gives every live passage a vector of the model in use, a document at a time, under a lease.

    The same when the model changes: documents are done anew one by one while the search goes on with the old
    vectors, which are deleted at the end. A document that fails lets the others go first. A passage that the
    embedder does not take, though it takes others, goes without a vector: it is found by its words.
    """

    def __init__(self, database: Database, embedder: Embedder, limits: EmbeddingLimits) -> None:
        self._database = database
        self._embedder = embedder
        self._limits = limits
        self._tries: Counter[UUID] = Counter()
        self._may_be_foreign = True
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if not self._database.shared:  # what a stopped server has in hand is this one's at once
            await self._database.write(lambda uow: VectorRepository(uow).end_leases(now(uow)))
        self._task = asyncio.create_task(self._run(), name="embedding")

    async def stop(self) -> None:
        """Stop, and give back the document in hand; whoever is there next goes on with it."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Look for passages without vectors now."""
        self._wake.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            try:
                goes_on = await self._step()
                failures = 0
            except (EmbedderUnavailable, *NOBODYS_FAULT) as error:
                failures, goes_on = failures + 1, False
                log.warning("embedding_waits", reason=str(error))
            except Exception:
                failures, goes_on = failures + 1, False
                log.exception("embedding_failed")
            if not goes_on:
                await self._pause(self._limits.pause(failures), wakeable=not failures)

    async def _pause(self, seconds: float, *, wakeable: bool) -> None:
        """Wait; after a failure for the whole time, whatever comes in."""
        if not wakeable:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _step(self) -> bool:
        """Do the next document; with none left delete what other models made. Tell whether there may be more."""
        job = await self._next()
        if job is None:
            return self._may_be_foreign and await self._delete_foreign()
        try:
            await self._embed(job)
        except _JobGone:
            log.info("embedding_gone", document_id=str(job.document_id))
        except asyncio.CancelledError:
            await self._put_off(job, 0)
            raise
        except Exception:
            self._tries[job.version_id] += 1
            # Longer than the pause that comes now: others have their turn first.
            await self._put_off(job, 2 * self._limits.pause(self._tries[job.version_id]))
            raise
        self._tries.pop(job.version_id, None)
        return True

    async def _next(self) -> _Job | None:
        # Most looks find nothing, and must not hold up those who write.
        found = await self._database.read(self._look)
        return await self._database.write(self._claim, alone=True) if found else None

    def _look(self, uow: UnitOfWork) -> bool:
        return VectorRepository(uow).next_unembedded(self._embedder.name, now(uow)) is not None

    def _claim(self, uow: UnitOfWork) -> _Job | None:
        moment = now(uow)
        found = VectorRepository(uow).next_unembedded(self._embedder.name, moment, claiming=True)
        if found is None:
            return None
        version, document = found
        version.embedding_until = until = moment + timedelta(seconds=self._limits.lease)
        return _Job(version.id, document.id, document.collection_id, document.title, until)

    async def _embed(self, job: _Job) -> None:
        last = -1
        while passages := await self._database.read(partial(self._without_vector, job, last)):
            vectors = await self._vectors(job, [_text(job.title, each) for each in passages])
            job.until = await self._database.write(partial(self._save, job, passages, vectors), alone=True)
            last = passages[-1].ordinal
        await self._database.write(partial(self._finish, job), alone=True)

    def _without_vector(self, job: _Job, last: int, uow: UnitOfWork) -> Sequence[PassageToEmbed]:
        return VectorRepository(uow).missing(job.version_id, self._embedder.name, last, self._limits.batch)

    async def _vectors(self, job: _Job, texts: Sequence[str]) -> list[Vector | None]:
        """Return the texts' vectors, and None for a text that the embedder does not take though it serves."""
        try:
            return list(await self._embedder.passages(texts))
        except Exception as error:
            if self._may_pass(job, error):
                raise
            reason = repr(error)
        await self._embedder.passages([PLAIN_TEXT])  # raises when the texts are not to blame
        if len(texts) == 1:
            log.warning("passage_without_vector", document_id=str(job.document_id), reason=reason)
            return [None]
        half = len(texts) // 2
        return [*await self._vectors(job, texts[:half]), *await self._vectors(job, texts[half:])]

    def _may_pass(self, job: _Job, error: Exception) -> bool:
        passing = isinstance(error, EmbedderUnavailable) and not error.lasting
        return passing and self._tries[job.version_id] < self._limits.tries

    def _save(
        self, job: _Job, passages: Sequence[PassageToEmbed], vectors: Sequence[Vector | None], uow: UnitOfWork
    ) -> datetime:
        version = _own(uow, job)
        version.embedding_until = until = now(uow) + timedelta(seconds=self._limits.lease)
        VectorRepository(uow).add(
            PassageVector(passage_id=each.passage_id, model=self._embedder.name, vector=_stored(vector))
            for each, vector in zip(passages, vectors, strict=True)
            if vector is not None
        )
        return until

    def _finish(self, job: _Job, uow: UnitOfWork) -> None:
        version = _own(uow, job)
        version.embedded_by, version.embedding_until = self._embedder.name, None
        uow.record(
            PassagesEmbedded(
                document_id=job.document_id, collection_id=job.collection_id, model=self._embedder.name
            )
        )

    async def _put_off(self, job: _Job, seconds: float) -> None:
        """Leave the version to whoever comes after so many seconds."""

        def put_off(uow: UnitOfWork) -> None:
            _own(uow, job).embedding_until = now(uow) + timedelta(seconds=seconds)

        with suppress(_JobGone, *NOBODYS_FAULT):  # then its lease runs out
            await self._database.write(put_off, alone=True)

    async def _delete_foreign(self) -> bool:
        """Delete some vectors of other models, once every document has those of this one."""
        if await self._database.read(
            lambda uow: VectorRepository(uow).is_any_unembedded(self._embedder.name)
        ):
            return False
        self._may_be_foreign = await self._database.write(self._delete_some_foreign, alone=True)
        return self._may_be_foreign

    def _delete_some_foreign(self, uow: UnitOfWork) -> bool:
        deleted = VectorRepository(uow).delete_foreign(self._embedder.name, 1_000)
        if deleted:
            uow.record(EarlierVectorsDeleted(model=self._embedder.name))
        return deleted > 0


def _own(uow: UnitOfWork, job: _Job) -> DocumentVersion:
    """Return the job's version, locked: nothing is saved of a job that is no longer one's own."""
    version = VectorRepository(uow).locked(job.version_id)
    if version is None or version.embedding_until != job.until:
        raise _JobGone
    return version


def _text(title: str, passage: PassageToEmbed) -> str:
    """Return what a vector is made of: the passage below where it stands."""
    return "\n".join(filter(None, (title, passage.location, passage.text)))


def _stored(vector: Vector) -> bytes:
    return vector.astype("<f2").tobytes()
