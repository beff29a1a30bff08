"""`python -m src.commands.backup`: what `make backup` calls, with the server running or stopped.

A backup is a folder: the database in one file, the uploads, the made secrets, and a manifest with their sums.
The search index is not in it: it is made anew from the passages.
"""

import argparse
import hashlib
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from migrations import histories
from src.infrastructure.database.engine import UnsupportedDatabase, database_engine
from src.infrastructure.database.snapshots import SnapshotFailed, copy_durably, database_snapshots
from src.infrastructure.process_locks import AlreadyRunning
from src.infrastructure.settings import Settings
from src.shared.events.base import utc_now

FOLDERS = ("uploads", "secrets")
"""What of DATA_DIR is saved beside the database."""

MANIFEST = "manifest.json"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


class BackupFailed(Exception):
    """There is no backup at the place that was asked for."""


class Manifest(BaseModel):
    """What a backup holds: the sum of each file by its path, and the revisions of the schema's histories."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    version: str
    made_at: datetime
    engine: str
    heads: dict[str, tuple[str, ...]]
    files: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Save the database, the uploads and the made secrets.", usage="make backup [TO=folder]"
    )
    parser.add_argument("--to", type=Path, default=Path("backups") / timestamp(), help="a new folder")
    folder = parser.parse_args().to
    os.umask(0o077)  # a backup is for its owner alone
    with told_in_plain_words():
        back_up(Settings(), folder)
    print(f"Saved to {folder}. Keep a copy of it on another machine.")


def back_up(settings: Settings, folder: Path) -> None:
    """Save everything into a new folder, that has its name only once it is whole."""
    unfinished = folder.with_name(f"{folder.name}.part")
    for taken in (folder, unfinished):
        if taken.exists():
            raise BackupFailed(f"{taken} is there already. Name another folder, or delete it.")
    unfinished.mkdir(mode=0o700, parents=True)
    try:
        _save(settings, unfinished)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a backup but the manifest's."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): _checksum(path) for path in files}


def timestamp() -> str:
    return f"{utc_now():%Y%m%dT%H%M%SZ}"


@contextmanager
def told_in_plain_words() -> Iterator[None]:
    """End the command with what is wrong, as `make run` does."""
    try:
        yield
    except (ValidationError, UnsupportedDatabase) as error:
        sys.exit(f"The settings are not right: {error}")
    except OperationalError as error:
        sys.exit(f"The database cannot be used: {error.orig}")
    except (BackupFailed, SnapshotFailed, AlreadyRunning, OSError) as error:
        sys.exit(str(error))


def _save(settings: Settings, folder: Path) -> None:
    engine = database_engine(settings.resolved_database_url)
    snapshots = database_snapshots(engine, settings.database.postgresql_bin)
    # Files before and after the database: each is there before the row that names it, and longer, so what the
    # database names is saved by one of the two, also when a newer version replaces it meanwhile.
    _save_folders(settings.data_dir, folder)
    snapshots.save(folder / snapshots.file_name)
    _save_folders(settings.data_dir, folder)
    manifest = Manifest(
        version=tomllib.loads(PROJECT.read_text())["project"]["version"],
        made_at=utc_now(),
        engine=engine.dialect.name,
        heads=_heads(engine),
        files=checksums(folder),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2))


def _save_folders(source: Path, target: Path) -> None:
    for name in FOLDERS:
        _save_folder(source / name, target / name)


def _save_folder(source: Path, target: Path) -> None:
    """Copy what is not there yet: nobody changes a file once it has its name."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir() if source.exists() else ():
        if path.is_dir():
            _save_folder(path, target / path.name)
        elif path.suffix != ".part" and not (target / path.name).exists():  # .part: an unfinished upload
            with suppress(FileNotFoundError):  # deleted meanwhile
                copy_durably(path, target / path.name)


def _heads(engine: Engine) -> dict[str, tuple[str, ...]]:
    try:
        with engine.connect() as connection:
            return histories.current(connection)
    finally:
        engine.dispose()


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
