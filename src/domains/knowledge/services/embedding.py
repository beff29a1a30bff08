"""Vectors of passages, made in the background: a document is found by words at once, by meaning a little later."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from src.domains.knowledge.models import PassageVector
from src.domains.knowledge.repositories import PassageToEmbed, VectorRepository
from src.domains.knowledge.services.ports import Embedder, EmbedderUnavailable
from src.infrastructure.database.checkpoints import now
from src.infrastructure.database.database import Database
from src.infrastructure.database.faults import NOBODYS_FAULT
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.knowledge import PassagesEmbedded

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EmbeddingLimits:
    """Passages a batch, and seconds: of a lease on a document, between looks for work, of the longest pause."""

    batch: int = 16
    lease: float = 120.0
    poll: float = 1.0
    longest_pause: float = 60.0


@dataclass(frozen=True)
class _Job:
    version_id: UUID
    document_id: UUID
    collection_id: UUID
    title: str


class _VersionGone(Exception):
    """The version was deleted or replaced meanwhile."""


class EmbeddingWorker:
    """Gives every live passage a vector of the model in use, a document at a time, under a lease.

    The same when the model changes: documents are done anew one by one while the search goes on with the old
    vectors, which are deleted at the end.
    """

    def __init__(self, database: Database, embedder: Embedder, limits: EmbeddingLimits) -> None:
        self._database = database
        self._embedder = embedder
        self._limits = limits
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if not self._database.shared:  # what a stopped server has in hand is this one's at once
            await self._database.write(lambda uow: VectorRepository(uow).end_leases(now(uow)))
        self._task = asyncio.create_task(self._run(), name="embedding")

    async def stop(self) -> None:
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
                await self._pause(min(self._limits.poll * 2**failures, self._limits.longest_pause))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _step(self) -> bool:
        """Do the next document; with none left delete what other models made. Tell whether there may be more."""
        job = await self._database.write(self._claim, alone=True)
        if job is None:
            return await self._database.write(self._delete_foreign, alone=True)
        with suppress(_VersionGone):
            while passages := await self._database.read(partial(self._without_vector, job)):
                vectors = await self._embedder.passages([_text(job.title, each) for each in passages])
                await self._database.write(partial(self._save, job, passages, vectors), alone=True)
            await self._database.write(partial(self._finish, job), alone=True)
        return True

    def _claim(self, uow: UnitOfWork) -> _Job | None:
        moment = now(uow)
        found = VectorRepository(uow).next_unembedded(self._embedder.name, moment)
        if found is None:
            return None
        version, document = found
        version.embedding_until = moment + timedelta(seconds=self._limits.lease)
        return _Job(version.id, document.id, document.collection_id, document.title)

    def _without_vector(self, job: _Job, uow: UnitOfWork) -> Sequence[PassageToEmbed]:
        return VectorRepository(uow).missing(job.version_id, self._embedder.name, self._limits.batch)

    def _save(
        self, job: _Job, passages: Sequence[PassageToEmbed], vectors: NDArray[np.float32], uow: UnitOfWork
    ) -> None:
        repository = VectorRepository(uow)
        version = repository.locked(job.version_id)
        if version is None:
            raise _VersionGone
        version.embedding_until = now(uow) + timedelta(seconds=self._limits.lease)
        repository.add(
            PassageVector(passage_id=each.passage_id, model=self._embedder.name, vector=_stored(vector))
            for each, vector in zip(passages, vectors, strict=True)
        )

    def _finish(self, job: _Job, uow: UnitOfWork) -> None:
        version = VectorRepository(uow).locked(job.version_id)
        if version is None:
            raise _VersionGone
        version.embedded_by, version.embedding_until = self._embedder.name, None
        uow.record(
            PassagesEmbedded(
                document_id=job.document_id, collection_id=job.collection_id, model=self._embedder.name
            )
        )

    def _delete_foreign(self, uow: UnitOfWork) -> bool:
        """Delete some vectors of other models, once every document has those of this one."""
        repository = VectorRepository(uow)
        if repository.is_any_unembedded(self._embedder.name):
            return False
        return repository.delete_foreign(self._embedder.name, 1_000) > 0


def _text(title: str, passage: PassageToEmbed) -> str:
    """Return what a vector is made of: the passage below where it stands."""
    return "\n".join(filter(None, (title, passage.location, passage.text)))


def _stored(vector: NDArray[np.float32]) -> bytes:
    return vector.astype("<f2").tobytes()
