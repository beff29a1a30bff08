"""Engines, SQLite's and PostgreSQL's, and how their connections are set up."""

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

Durability = Literal["FULL", "NORMAL"]

APPLICATION = "genai-chatbot-platform"
"""What PostgreSQL knows our connections by."""


class UnsupportedDatabase(Exception):
    """The database URL names an engine that the platform does not run on."""


def database_engine(
    url: str,
    *,
    synchronous: Durability = "FULL",
    connections: int = 2,
    idle_transaction_seconds: float = 10.0,
) -> Engine:
    """Return an engine for a SQLite file or a PostgreSQL database.

    `synchronous=FULL` keeps every commit through a power cut (group commit pays for it); NORMAL may lose the
    last ones, never the consistency. PostgreSQL ends a transaction whose process has been silent in it for
    `idle_transaction_seconds`, so that a stopped process holds up nobody.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            return _sqlite(parsed.database, synchronous, connections)
        case "postgresql" | "postgres":
            return _postgresql(parsed, synchronous, connections, idle_transaction_seconds)
    raise UnsupportedDatabase(
        "DATABASE_URL must name a SQLite file, such as sqlite:///data/platform.db, or a PostgreSQL database, "
        f"such as postgresql://user:password@host/name, not {parsed.render_as_string()}"
    )


def is_shared(engine: Engine) -> bool:
    """Tell whether several server processes may use the database at once."""
    return engine.dialect.name == "postgresql"


def _sqlite(path: str, synchronous: Durability, connections: int) -> Engine:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=path),
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


def _postgresql(url: URL, synchronous: Durability, connections: int, idle_seconds: float) -> Engine:
    session_settings = {
        "timezone": "UTC",
        "synchronous_commit": "on" if synchronous == "FULL" else "off",
        "idle_in_transaction_session_timeout": round(idle_seconds * 1000),
        "lock_timeout": "10s",
    }
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "application_name": APPLICATION,
            "connect_timeout": 5,
            "options": " ".join(f"-c {name}={value}" for name, value in session_settings.items()),
        },
    )
