"""The one commit point: `await database.write(fn)` and `await database.read(fn)`."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import uuid4

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from src.infrastructure.database import event_log
from src.infrastructure.database.engine import is_shared
from src.infrastructure.database.faults import (
    DatabaseUnavailable,
    OutcomeUnknown,
    breaks_off,
    is_fault,
    retried,
    told,
)
from src.infrastructure.database.readers import Lookup, Readers
from src.infrastructure.database.unit_of_work import UnitOfWork, run_deferred
from src.shared.events.base import DomainEvent

A = TypeVar("A")
T = TypeVar("T")


@dataclass
class _Job(Generic[T]):
    fn: Callable[[UnitOfWork], T]
    context: Context
    future: "asyncio.Future[T]"
    alone: bool
    unit_of_work: UnitOfWork | None = None
    result: T | None = None
    error: Exception | None = None

    def run(self, connection: Connection) -> None:
        self.error = None
        self.unit_of_work = UnitOfWork(connection)
        self.result = self.context.run(self.fn, self.unit_of_work)
        self.unit_of_work.finish()

    def fail(self, error: Exception) -> None:
        self.error, self.unit_of_work = error, None


class Database:
    """A database with one writer thread that commits waiting units of work together, and parallel readers.

    Group commit: one transaction and one flush to the disk serve all that wait. Each unit of work stands
    behind a savepoint, so what one raises undoes it alone. After a fault of the database itself each is tried
    once more in a transaction of its own: `fn` may run twice and must change nothing but the database.

    Units of work that run `alone` get a transaction of their own; on PostgreSQL, which takes several writers,
    beside the group's.
    """

    def __init__(
        self,
        engine: Engine,
        on_commit: Callable[[Sequence[DomainEvent]], None],
        *,
        readers: int = 2,
        writers_alone: int = 2,
        max_batch: int = 128,
        max_waiting: int = 10_000,
        patience: float = 5.0,
    ) -> None:
        self.process_id = uuid4().hex
        """Names this process to the others that share the database."""
        self.shared = is_shared(engine)
        self._engine = engine
        self._on_commit = on_commit
        self._max_batch = max_batch
        self._patience = patience
        self._jobs: queue.Queue[_Job[Any] | None] = queue.Queue(max_waiting)
        self._readers = Readers(engine, readers, patience=patience)
        self._writers_alone = ThreadPoolExecutor(writers_alone, thread_name_prefix="database-writer-alone")
        self._writer = threading.Thread(target=self._write_batches, name="database-writer", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._readers.start()

    async def stop(self) -> None:
        """Finish what waits, then close every connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._writers_alone.shutdown)
        await asyncio.to_thread(self._readers.stop)
        self._engine.dispose()

    async def write(self, fn: Callable[[UnitOfWork], T], *, alone: bool = False) -> T:
        """Run `fn` in a transaction and return its result once that is committed; an exception undoes it all.

        Run `alone` what takes long or locks rows that others want: it must not hold up the group.
        """
        # The writer's thread has no request: events recorded there take their correlation id from here.
        job = _Job(fn, copy_context(), asyncio.get_running_loop().create_future(), alone)
        if alone and self.shared:
            self._writers_alone.submit(self._settle, [job])
        else:
            self._enqueue(job)
        result: T = await job.future
        return result

    async def read(self, fn: Callable[[UnitOfWork], T]) -> T:
        """Run `fn` in a read transaction: it sees one state of the database."""
        return await self._readers.read(fn)

    async def read_together(self, lookup: Lookup[A, T], argument: A) -> T:
        """Ask a question of which many wait at once: `lookup(uow, arguments)` answers all of them together.

        The questions are those that waited with the same `lookup`; the answers come in their order.
        """
        return await self._readers.read_together(lookup, argument)

    def waiting(self) -> dict[str, int]:
        """Return how many units of work wait to be written, and how many to be read."""
        return {"database_writes": self._jobs.qsize(), "database_reads": self._readers.waiting()}

    def _enqueue(self, job: _Job[Any]) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            detail = "Too many changes are waiting to be saved. Try again soon."
            raise DatabaseUnavailable(detail, retry_after=2) from None

    def _write_batches(self) -> None:
        following: _Job[Any] | None = None
        while (job := following or self._jobs.get()) is not None:
            batch, following = [job], None
            while not job.alone and len(batch) < self._max_batch and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    self._jobs.put(None)  # to be met again, behind this batch
                    break
                if following.alone:
                    break
                batch.append(following)
                following = None
            self._settle(batch)

    def _settle(self, batch: Sequence[_Job[Any]]) -> None:
        """Bring every unit of work of the batch to its end, good or bad, and tell who waits for it."""
        try:
            self._transact(batch)
        except OutcomeUnknown as error:
            for job in batch:
                job.fail(error)
        except Exception:
            self._settle_one_by_one(batch)
        self._loop.call_soon_threadsafe(self._finish, batch)

    def _settle_one_by_one(self, batch: Sequence[_Job[Any]]) -> None:
        """Each in a transaction of its own: the fault may be one unit of work's, or a passing one."""
        deadline = time.monotonic() + self._patience
        for number, job in enumerate(batch, start=1):
            try:
                retried(partial(self._transact, [job]), seconds=deadline - time.monotonic())
            except Exception as error:
                job.fail(told(error))
                if isinstance(job.error, DatabaseUnavailable):
                    for waiting in batch[number:]:  # they would wait as long for the same
                        waiting.fail(job.error)
                    return

    def _transact(self, batch: Sequence[_Job[Any]]) -> None:
        """Run the batch in one transaction; raises only what undoes all of it."""
        with self._engine.connect().execution_options(writing=True) as connection:
            transaction = connection.begin()
            for job in batch:
                _run_behind_savepoint(connection, job)
            done = [job.unit_of_work for job in batch if job.unit_of_work]
            run_deferred(connection, [deferred for each in done for deferred in each.deferred])
            event_log.append(connection, [event for each in done for event in each.events], self.process_id)
            for subject_id in (subject_id for each in done for subject_id in each.redactions):
                event_log.redact(connection, subject_id)
            try:
                transaction.commit()
            except DBAPIError as error:
                if breaks_off(error):
                    detail = "The database broke off while this was saved. Look whether it is there."
                    raise OutcomeUnknown(detail) from error
                raise

    def _finish(self, batch: Sequence[_Job[Any]]) -> None:
        for job in batch:
            if not job.future.cancelled():
                if job.error:
                    job.future.set_exception(job.error)
                else:
                    job.future.set_result(job.result)
        self._on_commit([event for job in batch if job.unit_of_work for event in job.unit_of_work.events])


def _run_behind_savepoint(connection: Connection, job: _Job[Any]) -> None:
    # On the driver's cursor: through SQLAlchemy it takes as long as a statement, twice for every unit of work.
    cursor = connection.connection.cursor()
    cursor.execute("SAVEPOINT unit_of_work")
    try:
        job.run(connection)
    except Exception as error:
        if is_fault(error) or not connection.in_transaction():
            raise  # nothing is left of the transaction: a session that cannot flush rolls back all of it
        cursor.execute("ROLLBACK TO SAVEPOINT unit_of_work")
        job.fail(told(error))
    cursor.execute("RELEASE SAVEPOINT unit_of_work")
    cursor.close()
