"""Engines and how their connections are set up."""

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

Synchronous = Literal["FULL", "NORMAL"]


class UnsupportedDatabase(Exception):
    """The database URL names an engine that the platform does not run on."""


def sqlite_engine(url: str, *, synchronous: Synchronous = "FULL", connections: int = 1) -> Engine:
    """Return an engine for a SQLite file in WAL mode.

    `synchronous=FULL` keeps every commit through a power cut; group commit pays for it.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise UnsupportedDatabase(
            f"DATABASE_URL must name a SQLite file, such as sqlite:///data/platform.db, not {url}"
        )
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=parsed.database),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # an error is logged, and what people typed must not be in it
        connect_args={"check_same_thread": False, "timeout": 10},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # SQLAlchemy begins transactions itself (below), so the driver must not.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock at once: one that starts by reading could not upgrade later.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
