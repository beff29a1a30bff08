"""`python -m src`: what `make run` calls. Migrates its own SQLite file, then serves the page and the API.

A PostgreSQL database is migrated by `make migrate` alone: other servers may be using it.
"""

import asyncio
import gc
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from migrations import histories
from src.app import create_app
from src.infrastructure.database.engine import UnsupportedDatabase, database_engine, is_shared
from src.infrastructure.operations.workers import FOLDER
from src.infrastructure.process_locks import AlreadyRunning, single_server
from src.infrastructure.settings import Settings

Handler = Callable[[int, FrameType | None], Any]

SECONDS_TO_SEND = 5
"""What callers have, once all answers have ended, to take what they are sent."""


def main() -> None:
    os.umask(0o077)  # what the server writes is for its own user
    try:
        settings = Settings()
        engine = database_engine(settings.resolved_database_url)
    except (ValidationError, UnsupportedDatabase) as error:
        sys.exit(f"The settings are not right: {error}")
    try:
        with single_server(settings.server_lock) if settings.server_lock else nullcontext():
            _refuse_taken_port(settings.server.host, settings.port)
            _prepare_schema(engine)
            _serve(settings)
    except AlreadyRunning as error:
        sys.exit(str(error))
    except OperationalError as error:
        sys.exit(f"The database cannot be used: {error.orig}")


def _prepare_schema(engine: Engine) -> None:
    if is_shared(engine):
        with engine.connect() as connection:
            if behind := histories.pending(connection):
                sys.exit(f"The database's schema is not up to date ({', '.join(behind)}). Run: make migrate")
    else:
        histories.upgrade(engine)
    engine.dispose()


def served_app() -> FastAPI:
    """Make the application of one server process."""
    app = create_app()
    _send_readers_away_first(app)
    # What the start has made stays. The collector would go through it again and again: a sixth of every turn.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    return app


def _send_readers_away_first(app: FastAPI) -> None:
    """Have streams end when the server is told to stop: it waits for all connections before anything else.

    Called while uvicorn starts the process, on its event loop and after it has set its own signal handlers.
    """
    loop = asyncio.get_running_loop()

    def stop_gracefully(before: Handler, number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(app.state.turns.drain)
        before(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, partial(stop_gracefully, before))


def _serve(settings: Settings) -> None:
    print(f"The page and the API: http://{settings.server.host}:{settings.port}", flush=True)  # noqa: T201  # for people
    with _folder_of_workers() if settings.server.workers > 1 else nullcontext():
        uvicorn.run(
            "src.__main__:served_app",
            factory=True,
            workers=settings.server.workers,
            host=settings.server.host,
            port=settings.port,
            access_log=False,
            proxy_headers=bool(settings.server.trusted_proxies),
            forwarded_allow_ips=list(settings.server.trusted_proxies),
            server_header=False,
            log_level="warning",
            timeout_graceful_shutdown=math.ceil(settings.chat.stop_grace_seconds) + SECONDS_TO_SEND,
        )


@contextmanager
def _folder_of_workers() -> Iterator[None]:
    """Give the workers a folder for the sockets by which they tell each other their figures."""
    with TemporaryDirectory(prefix="genai-chatbot-") as folder:
        os.environ[FOLDER] = folder
        yield


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"Cannot listen on {host}:{port} ({error.strerror}). Choose another: make run PORT={port + 1}"
            )


if __name__ == "__main__":
    main()
