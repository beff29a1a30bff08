"""Reading beside the event loop, in this process."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from src.domains.knowledge.services.ports import PassageDraft, Progress
from src.infrastructure.documents.reader import FileDocumentReader


class ThreadedReader:
    """Implements `DocumentReader`: a file a thread. What is cancelled reads on to its end, unheard."""

    def __init__(self, reader: FileDocumentReader) -> None:
        self._reader = reader

    def check(self, head: bytes, file_name: str) -> None:
        self._reader.check(head, file_name)

    async def read(self, path: Path, file_name: str, tell: Callable[[Progress], None]) -> list[PassageDraft]:
        drafts = await asyncio.to_thread(self._reader.read, path, file_name)
        tell(Progress(1, 1))
        return drafts
