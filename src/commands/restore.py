"""`python -m src.commands.restore`: what `make restore` calls, with the server stopped.

Nothing is deleted but the search index, which is a copy: what a backup replaces is set aside.
"""

import argparse
import os
import shutil
from contextlib import nullcontext
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Engine

from migrations import histories
from src.commands.backup import (
    FOLDERS,
    MANIFEST,
    BackupFailed,
    Manifest,
    checksums,
    timestamp,
    told_in_plain_words,
)
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.snapshots import Snapshots, copy_durably, database_snapshots
from src.infrastructure.process_locks import single_server
from src.infrastructure.settings import Settings


class RestoreRefused(BackupFailed):
    """The backup was not brought back, and nothing was changed."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Bring a backup back.", usage="make restore FROM=folder [FORCE=1]"
    )
    parser.add_argument("--from", dest="folder", type=Path, required=True, help="the backup's folder")
    parser.add_argument("--force", action="store_true", help="set aside what is there")
    arguments = parser.parse_args()
    os.umask(0o077)  # what the server writes is for its own user
    with told_in_plain_words():
        for line in restore(Settings(), arguments.folder, force=arguments.force):
            print(line)


def restore(settings: Settings, folder: Path, *, force: bool = False) -> list[str]:
    """Put the backup in the place of what is there; return what there is to say about it."""
    manifest = _checked_manifest(folder)
    engine = database_engine(settings.resolved_database_url)
    _refuse_strange(manifest, engine)
    snapshots = database_snapshots(engine, settings.database.postgresql_bin)
    try:
        with single_server(settings.server_lock) if settings.server_lock else nullcontext():
            snapshots.check_loadable()
            if not force:
                _refuse_occupied(settings, snapshots)
            aside = _replace(settings, folder, manifest, snapshots)
            return [
                f"Restored from {folder}, made at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.",
                *aside,
                _next(engine),
            ]
    finally:
        engine.dispose()


def _checked_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup whose files are all there and as they were."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        raise RestoreRefused(f"{folder} is not a backup that this version can read.") from None
    found = checksums(folder)
    wrong = sorted(name for name, _sum in manifest.files.items() ^ found.items())
    if wrong:
        raise RestoreRefused(
            f"The backup is damaged: {wrong[0]} is missing, changed or not the backup's. Nothing was restored."
        )
    return manifest


def _refuse_strange(manifest: Manifest, engine: Engine) -> None:
    if manifest.engine != engine.dialect.name:
        raise RestoreRefused(
            f"This is a backup of {manifest.engine}, and DATABASE_URL names a database of {engine.dialect.name}. "
            "A backup goes back to the kind of database that it was made of."
        )
    if newer := histories.unknown(manifest.heads):
        raise RestoreRefused(
            f"The backup was made by version {manifest.version}, whose schema ({', '.join(newer)}) this one does "
            "not know. Restore it with that version or a newer one."
        )


def _refuse_occupied(settings: Settings, snapshots: Snapshots) -> None:
    there = [str(settings.data_dir / name) for name in FOLDERS if _has_content(settings.data_dir / name)]
    if snapshots.occupied():
        there.insert(0, "the database")
    if there:
        raise RestoreRefused(
            f"There is something already: {', '.join(there)}. With FORCE=1 it is set aside, and the backup "
            "takes its place."
        )


def _replace(settings: Settings, folder: Path, manifest: Manifest, snapshots: Snapshots) -> list[str]:
    """Copy everything beside its place first, so that what takes long is over before the exchange."""
    time = timestamp()
    folders = [settings.data_dir / name for name in FOLDERS]
    try:
        for each in folders:
            _stage(folder, manifest, each.name, _staged(each))
        _delete_indexes(settings.data_dir)
        aside = [snapshots.load(folder / snapshots.file_name, time)]
    except BaseException:
        for each in folders:
            shutil.rmtree(_staged(each), ignore_errors=True)
        raise
    aside += [_exchange(each, time) for each in folders]
    return [f"What was there is now {place}." for place in aside if place]


def _delete_indexes(data_dir: Path) -> None:
    """Delete this machine's search indexes: one of the old database would be taken for the new one's."""
    for index in data_dir.glob("index*"):
        if index.is_dir():
            shutil.rmtree(index)


def _stage(folder: Path, manifest: Manifest, name: str, staged: Path) -> None:
    shutil.rmtree(staged, ignore_errors=True)  # of a restore that was killed
    staged.mkdir(parents=True)
    for file in manifest.files:
        path = Path(file)
        if path.parts[0] == name:
            target = staged.joinpath(*path.parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_durably(folder / path, target)


def _exchange(folder: Path, time: str) -> str | None:
    aside = None
    if _has_content(folder):
        aside = folder.rename(folder.with_name(f"{folder.name}.before-restore-{time}"))
    _staged(folder).rename(folder)
    return str(aside) if aside else None


def _staged(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.restoring")


def _has_content(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _next(engine: Engine) -> str:
    with engine.connect() as connection:
        behind = histories.pending(connection)
    if behind:
        return f"The schema is of an older version ({', '.join(behind)}). Next: make migrate, then make run"
    return "Next: make run"


if __name__ == "__main__":
    main()
