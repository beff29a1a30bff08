"""`python -m src`: what `make run` calls. Migrates its own SQLite file, then serves the page and the API."""

import gc
import os
import socket
import sys

import uvicorn
from pydantic import ValidationError
from sqlalchemy import Engine

from migrations import histories
from src.app import create_app
from src.infrastructure.database.engine import UnsupportedDatabase, sqlite_engine
from src.infrastructure.settings import Settings
from src.infrastructure.single_server import AlreadyRunning, single_server


def main() -> None:
    os.umask(0o077)  # what the server writes is for its own user
    try:
        settings = Settings()
        engine = sqlite_engine(settings.resolved_database_url)
    except (ValidationError, UnsupportedDatabase) as error:
        sys.exit(f"The settings are not right: {error}")
    try:
        with single_server(settings.server_lock):
            _serve(settings, engine)
    except AlreadyRunning as error:
        sys.exit(str(error))


def _serve(settings: Settings, engine: Engine) -> None:
    _refuse_taken_port(settings.server.host, settings.port)
    histories.upgrade(engine)
    engine.dispose()
    print(f"The page and the API: http://{settings.server.host}:{settings.port}", flush=True)  # noqa: T201  # for people
    app = create_app(settings)
    # What the start has made stays. The collector would go through it again and again: a sixth of every turn.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    uvicorn.run(
        app,
        host=settings.server.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


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
