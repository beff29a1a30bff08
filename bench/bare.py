"""The bare limit of a turn on this machine: a token is read, two rows are saved, and nothing else is done.

`python -m bench.bare FOLDER PORT`. The writer commits together what waits, as the platform's does, but by the
plain driver; the server has the options that `src/__main__.py` gives it.
"""

import asyncio
import queue
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import jwt
import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel

SECRET = "no secret, for it guards nothing but a benchmark"  # noqa: S105
ALGORITHM = "HS256"
LARGEST_BATCH = 128

Job = tuple[str, "asyncio.Future[None]"]


class Question(BaseModel):
    message: str


class Answer(BaseModel):
    answer: str


class Writer:
    """Saves what waits in one transaction, on a thread of its own."""

    def __init__(self, file: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._file = file
        self._loop = loop
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def save(self, message: str) -> None:
        saved = self._loop.create_future()
        self._jobs.put((message, saved))
        await saved

    def _run(self) -> None:
        connection = _database(self._file)
        while True:
            batch = [self._jobs.get()]
            while len(batch) < LARGEST_BATCH and not self._jobs.empty():
                batch.append(self._jobs.get())
            connection.execute("BEGIN IMMEDIATE")
            for message, _saved in batch:
                connection.execute("INSERT INTO message (role, content) VALUES ('user', ?)", (message,))
                connection.execute("INSERT INTO message (role, content) VALUES ('assistant', '')")
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_finish, batch)


def create_app(folder: Path) -> FastAPI:
    writers: list[Writer] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writers.append(Writer(folder / "bare.db", asyncio.get_running_loop()))
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> Answer:
        return Answer(answer="ok")

    @app.post("/turn")
    async def turn(question: Question, authorization: Annotated[str, Header()]) -> Answer:
        jwt.decode(authorization.removeprefix("Bearer "), SECRET, [ALGORITHM])
        await writers[0].save(question.message)
        return Answer(answer="This is no answer.")

    return app


def _database(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, role TEXT, content TEXT)")
    return connection


def _finish(batch: Sequence[Job]) -> None:
    for _message, saved in batch:
        if not saved.cancelled():
            saved.set_result(None)


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(
        create_app(folder),
        port=port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
