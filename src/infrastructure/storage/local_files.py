"""Uploaded files on this machine's disk."""

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID


class LocalFiles:
    """Implements `FileStore`: a file for each version of a document, named by its id alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, version_id: UUID, content: BinaryIO) -> None:
        unfinished = self._folder / f"{version_id}.part"
        try:
            with unfinished.open("wb") as target:
                shutil.copyfileobj(content, target)
                target.flush()
                os.fsync(target.fileno())
            unfinished.replace(self.path(version_id))
            self._keep_names()
        finally:
            unfinished.unlink(missing_ok=True)

    def _keep_names(self) -> None:
        """Bring the folder itself to the disk: a file whose name is lost in a power cut is lost."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def path(self, version_id: UUID) -> Path:
        return self._folder / str(version_id)

    def delete(self, version_id: UUID) -> None:
        self.path(version_id).unlink(missing_ok=True)

    def delete_unknown(self, known: Collection[UUID], unchanged_for: timedelta) -> None:
        names, before = (
            {str(version_id) for version_id in known},
            time.time() - unchanged_for.total_seconds(),
        )
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another process may be faster
                if path.name not in names and path.stat().st_mtime <= before:
                    path.unlink()
