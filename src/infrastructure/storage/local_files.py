"""Uploaded files on this machine's disk."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO
from uuid import UUID


class LocalFiles:
    """Implements `FileStore`: a file a document, named by its id alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*.part"):
            unfinished.unlink()

    def save(self, document_id: UUID, content: BinaryIO) -> None:
        unfinished = self._folder / f"{document_id}.part"
        try:
            with unfinished.open("wb") as target:
                shutil.copyfileobj(content, target)
                target.flush()
                os.fsync(target.fileno())
            unfinished.replace(self.path(document_id))
        finally:
            unfinished.unlink(missing_ok=True)

    def path(self, document_id: UUID) -> Path:
        return self._folder / str(document_id)

    def delete(self, document_id: UUID) -> None:
        self.path(document_id).unlink(missing_ok=True)

    def document_ids(self) -> list[UUID]:
        return [UUID(path.name) for path in self._folder.iterdir() if not path.suffix]
