"""The one commit point: `await database.write(fn)` and `await database.read(fn)`."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from src.infrastructure.database import event_log
from src.shared.events.base import DomainEvent
from src.shared.exceptions.errors import Unavailable

T = TypeVar("T")


class UnitOfWork:
    """One transaction as a use case sees it: a session for its repositories, and the events it records."""

    def __init__(self, connection: Connection) -> None:
        self.session = Session(bind=connection, expire_on_commit=False, autoflush=False)
        self.events: list[DomainEvent] = []
        self.redactions: list[UUID] = []

    def record(self, event: DomainEvent) -> None:
        """Append the event to the log in this transaction; its subscribers hear of it after the commit."""
        self.events.append(event)

    def redact(self, subject_id: UUID) -> None:
        """Empty people's own text in the logged events about the subject, those of this commit included."""
        self.redactions.append(subject_id)


@dataclass
class _Job(Generic[T]):
    fn: Callable[[UnitOfWork], T]
    context: Context
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    events: list[DomainEvent] = field(default_factory=list)
    result: T | None = None
    error: Exception | None = None


class Database:
    """A SQLite database with one writer thread that commits waiting units of work together, and parallel readers.

    Group commit: one transaction and one fsync serve all that wait. When a unit of work in a batch fails,
    the batch is rolled back and each of it runs in a transaction of its own, so `fn` may run twice and must
    change nothing but the database.
    """

    def __init__(
        self,
        engine: Engine,
        on_commit: Callable[[Sequence[DomainEvent]], None],
        *,
        readers: int = 4,
        max_batch: int = 128,
        max_waiting: int = 10_000,
    ) -> None:
        self._engine = engine
        self._on_commit = on_commit
        self._max_batch = max_batch
        self._jobs: queue.Queue[_Job[Any] | None] = queue.Queue(max_waiting)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="database-reader")
        self._writer = threading.Thread(target=self._write_batches, name="database-writer", daemon=True)

    def start(self) -> None:
        self._writer.start()

    async def stop(self) -> None:
        """Finish what waits, then close every connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown()
        self._engine.dispose()

    async def write(self, fn: Callable[[UnitOfWork], T]) -> T:
        """Run `fn` in a transaction and return its result once that is committed; an exception undoes it all."""
        loop = asyncio.get_running_loop()
        # The writer's thread has no request: events recorded there take their correlation id from here.
        job = _Job(fn, copy_context(), loop, loop.create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Unavailable(
                "Too many changes are waiting to be saved. Try again soon.", retry_after=2
            ) from None
        result: T = await job.future
        return result

    async def read(self, fn: Callable[[UnitOfWork], T]) -> T:
        """Run `fn` in a read transaction: it sees one state of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, fn)

    def _read(self, fn: Callable[[UnitOfWork], T]) -> T:
        with self._engine.connect() as connection:
            return fn(UnitOfWork(connection))

    def _write_batches(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            stopping = False
            while len(batch) < self._max_batch and not self._jobs.empty():
                if (following := self._jobs.get()) is None:
                    stopping = True
                    break
                batch.append(following)
            self._commit(batch)
            if stopping:
                return

    def _commit(self, batch: Sequence[_Job[Any]]) -> None:
        try:
            self._commit_together(batch)
        except Exception:
            for job in batch:
                try:
                    self._commit_together([job])
                except Exception as error:
                    job.error = error
                    job.events = []
        for job in batch:
            job.loop.call_soon_threadsafe(self._finish, job)

    def _commit_together(self, batch: Sequence[_Job[Any]]) -> None:
        with self._engine.connect().execution_options(writing=True) as connection, connection.begin():
            redactions: list[UUID] = []
            for job in batch:
                unit_of_work = UnitOfWork(connection)
                job.result = job.context.run(job.fn, unit_of_work)
                unit_of_work.session.flush()
                unit_of_work.session.close()
                job.events = unit_of_work.events
                redactions += unit_of_work.redactions
            event_log.append(connection, [event for job in batch for event in job.events])
            for subject_id in redactions:
                event_log.redact(connection, subject_id)

    def _finish(self, job: _Job[Any]) -> None:
        if not job.future.cancelled():
            if job.error:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        self._on_commit(job.events)
