"""Reading files into passages: a worker that takes its jobs from the database, whatever ends it meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog

from src.domains.knowledge.models import Document, DocumentVersion, StoredPassage
from src.domains.knowledge.repositories.documents import DocumentRepository, VersionRepository
from src.domains.knowledge.repositories.passages import PassageRepository
from src.domains.knowledge.services.ports import (
    DocumentReader,
    FileStore,
    PassageDraft,
    Progress,
    UnreadableDocument,
)
from src.domains.knowledge.services.versions import record_removal
from src.infrastructure.database.checkpoints import now
from src.infrastructure.database.database import Database
from src.infrastructure.database.faults import NOBODYS_FAULT
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import correlation_id
from src.shared.events.knowledge import DocumentFailed, DocumentReady, PassagesChanged

log = structlog.get_logger(__name__)

UPLOAD_TIME = timedelta(hours=1)
"""How long an upload may take at the most."""

TRIED_OFTEN = "The file could not be read, though it was tried several times. Try it in smaller parts."
ENDED_THE_READER = "Reading this file ended the reader each time it was tried. Try it in smaller parts."


@dataclass(frozen=True)
class IngestionLimits:
    """Bounds of the worker; times in seconds. Delays after a fault grow fivefold from the first.

    `lease` is how long a process may be silent before another one takes its job over, `poll` how often it is
    looked for jobs that came from elsewhere.
    """

    at_once: int
    attempts: int
    first_delay: float
    lease: float
    poll: float = 1.0
    save_progress_every: float = 1.0

    def delay(self, attempts: int) -> timedelta:
        return timedelta(seconds=self.first_delay * 5.0 ** (attempts - 1))


class _JobGone(Exception):
    """The version was deleted or replaced, or another process has taken it over."""


_NOTHING_READ = Progress(0, None)


@dataclass
class _Job:
    """A version that this process reads. `run` names this try of it, in its lease and in the logs.

    `alone`: an earlier try of it was cut off, perhaps because it ended the process.
    """

    version_id: UUID
    document_id: UUID
    file_name: str
    run: str
    alone: bool
    progress: Progress = _NOTHING_READ

    def tell(self, progress: Progress) -> None:
        self.progress = progress


class IngestionWorker:
    """Reads versions that wait, some at once, and makes each of them live in one step when it can be found.

    A version is claimed by a lease, and the try is counted, before it is read: a file that ends the process
    is counted too, and read alone from then on, so that no other file is taken for the one that did it.
    Every step can be repeated. A version that fails leaves an older live one as it is. `went_live` is told of
    each that is live.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        reader: DocumentReader,
        index_is_current: Callable[[], Awaitable[None]],
        limits: IngestionLimits,
        went_live: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._files = files
        self._reader = reader
        self._index_is_current = index_is_current
        self._limits = limits
        self._went_live = went_live
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: dict[asyncio.Task[None], _Job] = {}
        self._dispatcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Delete files that a crash left without their version, then read what waits, in the background.

        Somebody may be taking in a file right now, whose version is not saved yet: young files stay.
        """
        known = await self._database.read(lambda uow: VersionRepository(uow).all_ids())
        await asyncio.to_thread(self._files.delete_unknown, known, UPLOAD_TIME)
        if not self._database.shared:  # what a stopped server has in hand is this one's at once
            await self._database.write(lambda uow: VersionRepository(uow).end_leases(now(uow)))
        self._dispatcher = asyncio.create_task(self._dispatch(), name="ingestion")

    async def stop(self) -> None:
        """Stop reading and give back what is not finished; whoever is there next begins it anew."""
        self._stopping = True
        self.wake()
        if self._dispatcher:
            await self._dispatcher
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self) -> None:
        """Look for something to read now."""
        self._wake.set()

    async def _dispatch(self) -> None:
        while not self._stopping:
            self._wake.clear()
            if job := await self._next():
                task = asyncio.create_task(self._run(job), name=f"ingestion-{job.version_id}")
                self._running[task] = job
                task.add_done_callback(self._has_ended)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.poll):
                        await self._wake.wait()

    def _has_ended(self, task: "asyncio.Task[None]") -> None:
        del self._running[task]
        self.wake()

    async def _next(self) -> _Job | None:
        if len(self._running) >= self._limits.at_once or any(job.alone for job in self._running.values()):
            return None
        try:
            return await self._database.write(self._claim, alone=True)
        except NOBODYS_FAULT:
            return None  # logged where it was met
        except Exception:
            log.exception("ingestion_not_claimed")
            return None

    def _claim(self, uow: UnitOfWork) -> _Job | None:
        """Lease the oldest version that waits, and call failed those that ended their reader too often."""
        moment = now(uow)
        while version := VersionRepository(uow).next_unread(moment):
            if version.status == "processing" and version.attempts >= self._limits.attempts:
                _fail(uow, version, ENDED_THE_READER)
                uow.session.flush()
                continue
            alone = version.status == "processing"
            if alone and self._running:
                return None  # it comes next, once these have ended
            version.status, version.attempts = "processing", version.attempts + 1
            version.leased_by, version.leased_until = uuid4().hex, self._lease_from(moment)
            version.pages_done, version.pages_total = 0, None
            return _Job(version.id, version.document_id, version.file_name, version.leased_by, alone)
        return None

    def _lease_from(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._limits.lease)

    async def _run(self, job: _Job) -> None:
        """Bring a job to its end, whatever that is."""
        correlation_id.set(job.run)
        about = {"version_id": str(job.version_id), "document_id": str(job.document_id)}
        try:
            await self._ingest_under_lease(job)
        except _JobGone:
            log.info("ingestion_gone", **about)
        except UnreadableDocument as error:
            log.info("document_unreadable", reason=str(error), **about)
            await self._settle(job, partial(_fail, reason=str(error)))
        except asyncio.CancelledError:
            with suppress(_JobGone, *NOBODYS_FAULT):
                await self._database.write(lambda uow: _give_back(_own(uow, job)), alone=True)
            raise
        except Exception:
            log.exception("ingestion_failed", **about)
            await self._settle(job, self._postpone)

    async def _ingest_under_lease(self, job: _Job) -> None:
        """Read the file while the lease is renewed beside it, and no longer than that succeeds."""
        tasks = [asyncio.create_task(self._ingest(job)), asyncio.create_task(self._keep_lease(job))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        next(task for task in tasks if task in done).result()

    async def _ingest(self, job: _Job) -> None:
        """Read the file, save its passages beside those of the live version, wait for the index, and go live."""
        path = self._files.path(job.version_id)
        drafts = await self._reader.read(path, job.file_name, job.tell)
        await self._database.write(lambda uow: _save_passages(uow, job, drafts), alone=True)
        await self._index_is_current()
        await self._database.write(lambda uow: _go_live(uow, job), alone=True)
        self._went_live()

    async def _keep_lease(self, job: _Job) -> None:
        """Renew the lease and save the progress; raise `_JobGone` when the job is no longer this process's."""
        saved, renewed = job.progress, time.monotonic()
        while True:
            await asyncio.sleep(min(self._limits.save_progress_every, self._limits.lease / 3))
            if job.progress == saved and time.monotonic() - renewed < self._limits.lease / 3:
                continue
            saved, renewed = job.progress, time.monotonic()
            with suppress(*NOBODYS_FAULT):  # the database may be back before the lease ends
                if not await self._database.write(partial(self._prolong, job, saved), alone=True):
                    raise _JobGone

    def _prolong(self, job: _Job, progress: Progress, uow: UnitOfWork) -> bool:
        until = self._lease_from(now(uow))
        return VersionRepository(uow).prolong(job.version_id, job.run, until, progress.pages, progress.total)

    async def _settle(self, job: _Job, change: Callable[[UnitOfWork, DocumentVersion], None]) -> None:
        """Save what became of the job, once the database is there."""
        while True:
            try:
                return await self._database.write(lambda uow: change(uow, _own(uow, job)), alone=True)
            except _JobGone:
                return
            except NOBODYS_FAULT:
                await asyncio.sleep(self._limits.poll)

    def _postpone(self, uow: UnitOfWork, version: DocumentVersion) -> None:
        if version.attempts >= self._limits.attempts:
            _fail(uow, version, TRIED_OFTEN)
            return
        version.status, version.not_before = "pending", now(uow) + self._limits.delay(version.attempts)
        version.leased_by = version.leased_until = None


def _own(uow: UnitOfWork, job: _Job) -> DocumentVersion:
    """Return the job's version, locked: nothing is saved of a job that is no longer one's own."""
    version = VersionRepository(uow).leased(job.version_id, job.run)
    if version is None:
        raise _JobGone
    return version


def _own_with_document(uow: UnitOfWork, job: _Job, *, changing: bool) -> tuple[Document, DocumentVersion]:
    document = DocumentRepository(uow).kept(job.document_id, changing=changing)
    if document is None:
        raise _JobGone
    return document, _own(uow, job)


def _save_passages(uow: UnitOfWork, job: _Job, drafts: Sequence[PassageDraft]) -> None:
    document, version = _own_with_document(uow, job, changing=False)
    version.passage_count = len(drafts)
    version.pages_done, version.pages_total = job.progress.pages, job.progress.total
    passages = [
        StoredPassage(
            document_id=document.id,
            version_id=version.id,
            ordinal=ordinal,
            location=draft.location,
            text=draft.text,
        )
        for ordinal, draft in enumerate(drafts)
    ]
    PassageRepository(uow).replace(version.id, passages)
    uow.record(PassagesChanged(document_id=document.id, collection_id=document.collection_id))


def _go_live(uow: UnitOfWork, job: _Job) -> None:
    """Let the version take the place of all that came before it."""
    document, version = _own_with_document(uow, job, changing=True)
    if removed := VersionRepository(uow).delete_older(version):
        record_removal(uow, document, removed)
    document.live_version_id, document.title = version.id, version.file_name
    version.status = "ready"
    version.leased_by = version.leased_until = None
    uow.record(
        DocumentReady(
            document_id=document.id,
            collection_id=document.collection_id,
            passage_count=version.passage_count,
        )
    )


def _fail(uow: UnitOfWork, version: DocumentVersion, reason: str) -> None:
    version.status, version.reason = "failed", reason
    version.leased_by = version.leased_until = None
    document = DocumentRepository(uow).get(version.document_id)
    if document is None:
        raise _JobGone
    about = {"document_id": document.id, "collection_id": document.collection_id}
    if version.passage_count:  # prepared, and never to be shown
        version.passage_count = 0
        PassageRepository(uow).replace(version.id, [])
        uow.record(PassagesChanged(**about))
    uow.record(DocumentFailed(**about, reason=reason))


def _give_back(version: DocumentVersion) -> None:
    """Let somebody else begin anew at once, as if it had not been tried."""
    version.status, version.attempts = "pending", version.attempts - 1
    version.leased_by = version.leased_until = None
