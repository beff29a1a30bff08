"""The whole database as one file: saved while servers use it, and brought back while none does."""

import os
import re
import shutil
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, Executable, TextClause, inspect, text
from sqlalchemy.schema import CreateSchema, DropSchema

from src.infrastructure.database.engine import APPLICATION, is_shared

_ASIDE = "before_restore_"
"""How the schemas begin that PostgreSQL's tables are set aside in; no backup holds them."""

_CONNECTED_SERVERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = :application AND pid <> pg_backend_pid()"
)

_TRIGGER_FUNCTIONS = text(
    "SELECT DISTINCT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE NOT t.tgisinternal AND p.pronamespace = to_regnamespace(current_schema())"
)


class SnapshotFailed(Exception):
    """The database could not be saved or brought back; it is what it was."""


class Snapshots(ABC):
    """Saves a database into a file and loads it from one."""

    file_name: ClassVar[str]

    @abstractmethod
    def save(self, file: Path) -> None:
        """Write one state of the database, whole, while others go on reading and writing it."""

    @abstractmethod
    def occupied(self) -> bool:
        """Tell whether there is something that `load` would set aside."""

    @abstractmethod
    def check_loadable(self) -> None:
        """Raise `SnapshotFailed` when a server is connected, or what `load` needs is missing."""

    @abstractmethod
    def load(self, file: Path, time: str) -> str | None:
        """Put the saved state in the database's place; return where what was there is now."""


def database_snapshots(engine: Engine, postgresql_bin: Path | None) -> Snapshots:
    """Return what saves and loads the engine's database; PostgreSQL's programs are looked for in the folder."""
    if is_shared(engine):
        return PostgresqlSnapshots(engine, postgresql_bin)
    return SqliteSnapshots(Path(str(engine.url.database)))


class SqliteSnapshots(Snapshots):
    """By SQLite's online backup, which sees one state of the file and its write-ahead log."""

    file_name = "database.sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, file: Path) -> None:
        if not self._path.exists():
            raise SnapshotFailed(f"There is no database at {self._path}.")
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, that needs no log beside it to be read

    def occupied(self) -> bool:
        return self._path.exists()

    def check_loadable(self) -> None:
        """A server holds its lock file, and nothing is needed."""

    def load(self, file: Path, time: str) -> str | None:
        staged = Path(f"{self._path}.restoring")
        copy_durably(file, staged)
        aside = Path(f"{self._path}.before-restore-{time}")
        # A log beside the new file would be taken for its own; beside the old one it may hold commits.
        old = [suffix for suffix in ("-wal", "-shm", "") if Path(f"{self._path}{suffix}").exists()]
        for suffix in old:
            Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")
        staged.rename(self._path)
        return str(aside) if old else None


class PostgresqlSnapshots(Snapshots):
    """By pg_dump and pg_restore. Tables in the way are moved into a schema of their own."""

    file_name = "database.dump"

    def __init__(self, engine: Engine, programs: Path | None) -> None:
        self._engine = engine
        self._programs = programs

    def save(self, file: Path) -> None:
        self._run("pg_dump", "--format=custom", f"--exclude-schema={_ASIDE}*", f"--file={file}")

    def occupied(self) -> bool:
        return bool(inspect(self._engine).get_table_names())

    def check_loadable(self) -> None:
        self._program("pg_restore")
        with self._engine.connect() as connection:
            if connection.scalar(_CONNECTED_SERVERS, {"application": APPLICATION}):
                raise SnapshotFailed(
                    "A server is connected to the database. Stop every server, then restore."
                )

    def load(self, file: Path, time: str) -> str | None:
        inspector = inspect(self._engine)
        tables = inspector.get_table_names()
        if not tables:
            self._restore(file)
            return None
        home, aside = str(inspector.default_schema_name), f"{_ASIDE}{time.lower()}"
        with self._engine.connect() as connection:
            functions = connection.scalars(_TRIGGER_FUNCTIONS).all()
        self._execute(CreateSchema(aside), *self._moves(tables, functions, home, aside))
        try:
            self._restore(file)
        except BaseException:
            self._execute(*self._moves(tables, functions, aside, home), DropSchema(aside))
            raise
        return f"schema {aside}"

    def _restore(self, file: Path) -> None:
        """Make everything or nothing; owners and rights are this server's own."""
        whole = ("--single-transaction", "--exit-on-error")
        self._run("pg_restore", *whole, "--no-owner", "--no-privileges", "--no-comments", str(file))

    def _moves(
        self, tables: Sequence[str], functions: Sequence[str], source: str, target: str
    ) -> list[TextClause]:
        """Return what moves the tables, with their indexes, sequences and triggers, into another schema."""
        quoted = self._engine.dialect.identifier_preparer.quote
        what = [f"TABLE {quoted(source)}.{quoted(table)}" for table in tables]
        what += [f"FUNCTION {quoted(source)}.{quoted(function)}()" for function in functions]
        return [text(f"ALTER {each} SET SCHEMA {quoted(target)}") for each in what]

    def _execute(self, *statements: Executable) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)

    def _run(self, name: str, *arguments: str) -> None:
        program = self._program(name)
        _, connection = self._engine.dialect.create_connect_args(self._engine.url)
        del connection["context"]  # the driver's own
        # Everybody on the machine sees a process's arguments, its owner alone the environment.
        secret = {"PGPASSWORD": connection.pop("password", None)}
        environment = os.environ | {key: value for key, value in secret.items() if value}
        done = subprocess.run(  # noqa: S603  # PostgreSQL's own program, without a shell
            [program, f"--dbname={make_conninfo(**connection)}", "--no-password", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SnapshotFailed(f"{name} failed: {done.stderr.strip()}")

    def _program(self, name: str) -> str:
        """Return where the program is, of the server's own version.

        An older one does not know the server; what a newer one writes, an older server does not take back.
        """
        needed = self._server_version()
        program = shutil.which(name, path=self._programs)
        found = _version(program) if program else None
        if program is None or found != needed:
            what = f"is of version {found}" if found else "is missing"
            raise SnapshotFailed(
                f"{name} {what}, and the server is PostgreSQL {needed}. Install PostgreSQL's client programs of "
                f"version {needed} (Debian: apt-get install postgresql-client-{needed}), or name the folder that "
                f"has them in DATABASE__POSTGRESQL_BIN (Debian: /usr/lib/postgresql/{needed}/bin)."
            )
        return program

    def _server_version(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file to the disk itself, all of it or none."""
    try:
        with source.open("rb") as original, target.open("wb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _version(program: str) -> int | None:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603  # as above
    found = re.search(r"\d+", told.stdout)
    return int(found[0]) if found else None
