"""Reads: those that wait together share a transaction, on a few threads."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine

from src.infrastructure.database.engine import is_shared
from src.infrastructure.database.faults import DatabaseUnavailable, is_fault, retried, told
from src.infrastructure.database.unit_of_work import UnitOfWork

A = TypeVar("A")
T = TypeVar("T")

Lookup = Callable[[UnitOfWork, Sequence[A]], Sequence[T]]
"""Answers several questions of one kind at once, in their order."""


@dataclass
class _Job(Generic[A, T]):
    lookup: Lookup[A, T]
    argument: A
    future: "asyncio.Future[T]"
    is_done: bool = False
    result: T | None = None
    error: Exception | None = None


class Readers:
    """A connection, a snapshot and a change of threads serve all reads that wait when a thread is free.

    The snapshot begins after they were asked for, so each sees all that was committed before.
    """

    def __init__(
        self, engine: Engine, threads: int, *, patience: float, max_batch: int = 16, max_waiting: int = 10_000
    ) -> None:
        self._engine = _read_only(engine)
        self._patience = patience
        self._max_batch = max_batch
        self._jobs: queue.Queue[_Job[Any, Any] | None] = queue.Queue(max_waiting)
        self._threads = [
            threading.Thread(target=self._run_batches, name=f"database-reader-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what waits. Blocking."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def waiting(self) -> int:
        return self._jobs.qsize()

    async def read(self, fn: Callable[[UnitOfWork], T]) -> T:
        return await self.read_together(lambda uow, _arguments: [fn(uow)], None)

    async def read_together(self, lookup: Lookup[A, T], argument: A) -> T:
        job = _Job(lookup, argument, asyncio.get_running_loop().create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            detail = "Too many requests are waiting. Try again soon."
            raise DatabaseUnavailable(detail, retry_after=2) from None
        result: T = await job.future
        return result

    def _run_batches(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            # Its share of what waits: another thread may be free for the rest.
            for _ in range(min(self._jobs.qsize() // len(self._threads), self._max_batch - 1)):
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._jobs.put(None)  # to be met again, behind this batch
                    break
                batch.append(following)
            self._run(batch)
            self._loop.call_soon_threadsafe(_finish, batch)

    def _run(self, batch: Sequence[_Job[Any, Any]]) -> None:
        by_lookup: dict[Lookup[Any, Any], list[_Job[Any, Any]]] = {}
        for job in batch:
            by_lookup.setdefault(job.lookup, []).append(job)
        try:
            with self._engine.connect() as connection:
                for jobs in by_lookup.values():
                    _answer(connection, jobs)
        except Exception:
            for job in batch:
                if not job.is_done:
                    self._run_alone(job)

    def _run_alone(self, job: _Job[Any, Any]) -> None:
        def run() -> None:
            with self._engine.connect() as connection:
                _answer(connection, [job])

        try:
            retried(run, seconds=self._patience)
        except Exception as error:
            job.error = told(error)


def _answer(connection: Connection, jobs: Sequence[_Job[Any, Any]]) -> None:
    """Answer questions of one kind; raises only faults of the database, which somebody else may try again."""
    try:
        results = jobs[0].lookup(UnitOfWork(connection), [job.argument for job in jobs])
    except Exception as error:
        if is_fault(error):
            raise
        connection.rollback()  # PostgreSQL answers nothing more in a transaction that has failed
        if len(jobs) > 1:  # it may be the fault of one of them
            for job in jobs:
                _answer(connection, [job])
        else:
            jobs[0].error, jobs[0].is_done = told(error), True
        return
    for job, result in zip(jobs, results, strict=True):
        job.result, job.is_done = result, True


def _finish(batch: Sequence[_Job[Any, Any]]) -> None:
    for job in batch:
        if job.future.cancelled():
            continue
        if job.error:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _read_only(engine: Engine) -> Engine:
    """Return the engine as readers use it; every SQLite transaction sees one state of the database anyway."""
    if is_shared(engine):
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine
