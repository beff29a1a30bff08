"""How `make ingest` takes sources in and looks on while the server reads them."""

import asyncio
import os
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import UUID

from tqdm import tqdm

from src.commands.folders import FolderContents, look_into
from src.domains.knowledge.repositories.documents import DocumentRepository, VersionRepository, VersionState
from src.domains.knowledge.services.collections import ManagedCollection
from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.urls import UrlService
from src.domains.knowledge.services.versions import QueueFull, Upload
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import PlatformError
from src.shared.middleware.authentication import Principal

Place = str
Reason = str

STATES_AT_ONCE = 500


@dataclass(frozen=True)
class Pace:
    """How often is looked whether the server reads, and after how long without a sign it is taken for stopped."""

    poll_seconds: float = 0.5
    patience_seconds: float = 10.0


@dataclass
class Report:
    """What became of everything; `waiting` are versions that are yet to be read, with their places."""

    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[Place, Reason]] = field(default_factory=list)
    failed: list[tuple[Place, Reason]] = field(default_factory=list)
    waiting: dict[UUID, Place] = field(default_factory=dict)
    read: int = 0
    pages: int = 0
    passages: int = 0
    deleted: int = 0


class Reading:
    """What the server's reading looks like from the database."""

    def __init__(self, database: Database, pace: Pace) -> None:
        self._database = database
        self._pace = pace
        self._idle_seconds = 0.0

    async def has_stopped(self, moved: bool) -> bool:
        """Wait a moment; tell whether nothing has been read for longer than a server at work would take."""
        goes_on = moved or await self._database.read(lambda uow: VersionRepository(uow).is_read(utc_now()))
        self._idle_seconds = 0.0 if goes_on else self._idle_seconds + self._pace.poll_seconds
        if self._idle_seconds > self._pace.patience_seconds:
            return True
        await asyncio.sleep(self._pace.poll_seconds)
        return False

    async def states(self, version_ids: Sequence[UUID]) -> dict[UUID, VersionState]:
        """Return how each of the versions fares; those that a newer one has replaced are not among them."""
        states: dict[UUID, VersionState] = {}
        for start in range(0, len(version_ids), STATES_AT_ONCE):
            some = version_ids[start : start + STATES_AT_ONCE]
            states |= await self._database.read(partial(_states, some))
        return states


class Intake:
    """Takes sources into one collection, and notes in its report what becomes of each."""

    def __init__(
        self,
        database: Database,
        documents: DocumentService,
        urls: UrlService,
        asker: Principal,
        collection_id: UUID,
        pace: Pace,
    ) -> None:
        self.report = Report()
        self._database = database
        self._documents = documents
        self._urls = urls
        self._asker = asker
        self._collection_id = collection_id
        self._pace = pace

    async def take_folder(self, folder: Path, prune: bool) -> None:
        """Take in what is in the folder; when pruning, delete documents whose file is no longer there."""
        contents = await asyncio.to_thread(look_into, folder)
        self.report.skipped += contents.skipped
        self.report.failed += contents.unreadable
        for file in tqdm(contents.files, desc="taking in", unit=" files", disable=None):
            await self._take(file.source, partial(self._upload, file.path, file.source))
        if prune:
            await self._prune(contents)

    async def take_file(self, path: Path) -> None:
        source = unicodedata.normalize("NFC", path.name)
        await self._take(source, partial(self._upload, path, source), skips=False)

    async def take_url(self, url: str) -> None:
        await self._take(url, partial(self._urls.take_in, self._asker, self._collection_id, url), skips=False)

    async def watch(self) -> bool:
        """Look on until everything that waits is read; tell whether the server reads at all."""
        report, reading = self.report, Reading(self._database, self._pace)
        with tqdm(total=len(report.waiting), desc="reading", unit=" files", disable=None) as bar:
            while report.waiting:
                states = await reading.states(list(report.waiting))
                ended = self._note_ended(states)
                bar.update(ended)
                in_hand = sum(states[version_id].pages_done for version_id in report.waiting)
                bar.set_postfix(pages=report.pages + in_hand, passages=report.passages)
                if report.waiting and await reading.has_stopped(moved=ended > 0):
                    return False
        return True

    def _note_ended(self, states: dict[UUID, VersionState]) -> int:
        """Note what waits no longer, and return how many that are. What is gone was replaced by a newer one."""
        ended = [each for each in self.report.waiting if each not in states or states[each].has_ended]
        for version_id in ended:
            place = self.report.waiting.pop(version_id)
            state = states.get(version_id)
            if state and state.status == "failed":
                self.report.failed.append((place, state.reason or ""))
            elif state:
                self.report.read += 1
                self.report.pages += state.pages_done
                self.report.passages += state.passage_count
        return len(ended)

    async def _upload(self, path: Path, source: str) -> Upload:
        with await asyncio.to_thread(path.open, "rb") as content:
            size = os.fstat(content.fileno()).st_size
            return await self._documents.upload(
                self._asker, ManagedCollection(self._collection_id), path.name, content, size, source
            )

    async def _take(self, place: Place, take: Callable[[], Awaitable[Upload]], *, skips: bool = True) -> None:
        """Take one source in. What is refused for what it is was skipped, if it is one among others."""
        try:
            upload = await self._patiently(take)
        except PlatformError as error:
            noted = self.report.skipped if skips and error.status < 500 else self.report.failed
            noted.append((place, error.detail))
        except OSError as error:
            self.report.failed.append((place, error.strerror or str(error)))
        else:
            self.report.outcomes[upload.outcome] += 1
            if upload.version.status in ("pending", "processing"):
                self.report.waiting[upload.version.id] = place

    async def _patiently(self, take: Callable[[], Awaitable[Upload]]) -> Upload:
        """Wait while as many files wait to be read as may, for as long as the server reads them."""
        reading = Reading(self._database, self._pace)
        while True:
            try:
                return await take()
            except QueueFull:
                if await reading.has_stopped(moved=False):
                    raise

    async def _prune(self, contents: FolderContents) -> None:
        """Delete what came from the folder and is gone; never because a folder could not be looked into."""
        if contents.unreadable or not contents.files:
            reason = "nothing is deleted while the folder holds no documents or cannot be read in whole"
            self.report.failed.append((contents.prefix, reason))
            return
        known = await self._database.read(
            lambda uow: DocumentRepository(uow).ids_below(self._collection_id, contents.prefix)
        )
        for source, document_id in known.items():
            if source not in contents.places:
                await self._documents.delete(self._asker, document_id)
                self.report.deleted += 1


def _states(version_ids: Sequence[UUID], uow: UnitOfWork) -> dict[UUID, VersionState]:
    return VersionRepository(uow).states(version_ids)
