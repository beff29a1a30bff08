"""What was deleted, replaced or revoked is shown on no path, whatever an index or another process still has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from src.domains.knowledge.services.ports import IndexedPassage
from src.domains.knowledge.services.shelves import Shelves
from src.infrastructure.container import retrieval
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.infrastructure.settings import EventSettings, Settings
from src.shared.language import search_terms
from tests.access import (
    EVERYWHERE,
    Paper,
    Rules,
    check_answers,
    check_doors,
    check_lists,
    check_searches,
    searching_platform,
    signed_up,
)
from tests.builders import Person, Platform, problem_of
from tests.databases import query
from tests.fakes import HashedWords
from tests.houses import LISTENING, until

Hoard = dict[UUID, dict[UUID, IndexedPassage]]


def hoarded(hoard: Hoard, document_id: UUID, passages: Sequence[IndexedPassage]) -> list[IndexedPassage]:
    kept = hoard.setdefault(document_id, {})
    kept.update({passage.passage_id: passage for passage in passages})
    return list(kept.values())


class HoardingWords(TantivyPassageIndex):
    """Never lets go of a passage: further behind than any index that lags."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, search_terms)
        self._hoard: Hoard = {}

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        super().replace(document_id, hoarded(self._hoard, document_id, passages))


class HoardingVectors(UsearchVectorIndex):
    """Never lets go of a vector."""

    opened: "list[HoardingVectors]"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._hoard: Hoard = {}
        self.opened.append(self)

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        super().replace(document_id, hoarded(self._hoard, document_id, passages))


class Library:
    """What an administrator has put in, with the rules that should hold, and everybody who looks at it."""

    def __init__(self, admin: Person, *others: Person) -> None:
        self.admin, self.people = admin, (admin, *others)
        self.rules = Rules(admins={admin.id})
        self.collections: list[str] = []
        self.documents: list[str] = []

    async def create_group(self, name: str, member: Person) -> str:
        group_id = await self.admin.create_group(name, member)
        self.rules.groups_of[member.id] = {group_id}
        return group_id

    async def create_collection(self, name: str, *group_ids: str) -> str:
        collection_id = await self.admin.create_collection(name, group_ids)
        self.collections.append(collection_id)
        self.rules.readers[collection_id] = set(group_ids)
        return collection_id

    async def write(self, collection_id: str, title: str, word: str) -> str:
        """Upload a document of one passage, or a new version of it."""
        paper = Paper(collection_id, title, (f"{EVERYWHERE} {word}",))
        document = await self.admin.upload_and_wait(collection_id, title, paper.content)
        self.documents.append(document["id"])
        self.rules.papers[document["id"]] = paper
        return str(document["id"])

    async def delete_document(self, document_id: str) -> None:
        await self.admin.delete(f"/knowledge/documents/{document_id}")
        del self.rules.papers[document_id]

    async def delete_collection(self, collection_id: str) -> None:
        await self.admin.delete(f"/knowledge/collections/{collection_id}")
        del self.rules.readers[collection_id]
        papers = self.rules.papers.items()
        self.rules.papers = {id: paper for id, paper in papers if paper.collection_id != collection_id}

    async def restrict(self, collection_id: str, *group_ids: str) -> None:
        path = f"/knowledge/collections/{collection_id}"
        await self.admin.patch(path, {"group_ids": group_ids})
        self.rules.readers[collection_id] = set(group_ids)

    async def check(self, *people: Person) -> None:
        """Look through every door."""
        for person in people or self.people:
            await check_searches(person, self.rules, self.collections, self.collections[-1:])
            await check_answers(person, self.rules)
            await check_lists(person, self.rules)
            await check_doors(person, self.rules, self.collections, self.documents)


async def test_what_an_index_still_holds_is_shown_on_no_path(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both indexes keep all they ever had, and who may read what is as old in this process's memory."""
    words = HoardingWords(tmp_path / "hoard")
    HoardingVectors.opened = []
    monkeypatch.setattr(retrieval, "UsearchVectorIndex", HoardingVectors)
    async with searching_platform(settings, index=words) as platform:
        library = Library(*await signed_up(platform, "admin", "member", "stranger"))
        group_id = await library.create_group("Sales", library.people[1])
        opened, sales = [await library.create_collection(name) for name in ("Open", "Sales")]
        gone = await library.create_collection("Gone")
        kept = await library.write(opened, "kept.txt", "kept")
        deleted = await library.write(opened, "deleted.txt", "deleted")
        await library.write(opened, "replaced.txt", "old")
        await library.write(sales, "revoked.txt", "revoked")
        await library.write(gone, "gone.txt", "gone")
        await library.check()
        monkeypatch.setattr(Shelves, "apply", nothing_is_heard)

        await library.write(opened, "replaced.txt", "new")
        await library.delete_document(deleted)
        await library.delete_collection(gone)
        await library.restrict(sales, group_id)

        everywhere = [UUID(each) for each in library.collections]
        await until(lambda: len(words.search(EVERYWHERE, everywhere, 50).scored) == 6)
        vector = await HashedWords().query(EVERYWHERE)
        await until(lambda: len(HoardingVectors.opened[0].search(vector, everywhere, 50)) == 6)
        await library.check()
        assert kept in library.rules.papers


async def nothing_is_heard(*_arguments: object) -> None:
    pass


@asynccontextmanager
async def two_processes(settings: Settings) -> AsyncIterator[tuple[Platform, Platform]]:
    """Two servers on one database; they hear of each other by notifications alone, for polling takes too long."""
    patient = settings.model_copy(update={"events": EventSettings(poll_seconds=60, gather_seconds=0)})
    async with searching_platform(patient) as first, searching_platform(patient) as second:
        await until(lambda: len(query(settings, LISTENING)) == 2)
        yield first, second


def on(platform: Platform, person: Person) -> Person:
    """Somebody with the same token at another process."""
    return Person(platform, person.email, person.tokens, person.user)


async def soon(check: Callable[[], Awaitable[None]]) -> None:
    """Wait until a check holds."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await check()
            except AssertionError:
                await asyncio.sleep(0.005)  # another process is told meanwhile


@pytest.mark.only("postgresql")
async def test_a_process_that_hears_of_nothing_shows_nothing_that_is_gone_or_closed(
    settings: Settings,
) -> None:
    """Its indexes and its memory are as they were; the database knows better."""
    async with two_processes(settings) as (first, second):
        library = Library(*await signed_up(first, "admin", "member", "stranger"))
        group_id = await library.create_group("Sales", library.people[1])
        opened, sales, gone = [await library.create_collection(name) for name in ("Open", "Sales", "Gone")]
        await library.write(opened, "kept.txt", "kept")
        deleted = await library.write(opened, "deleted.txt", "deleted")
        await library.write(sales, "revoked.txt", "revoked")
        await library.write(gone, "gone.txt", "gone")
        people = [on(second, person) for person in library.people]
        await soon(lambda: library.check(*people))
        for task in second.app.state.subscriptions._tasks.values():
            task.cancel()

        await library.delete_document(deleted)
        await library.delete_collection(gone)
        await library.restrict(sales, group_id)
        await library.check(*people)


@pytest.mark.only("postgresql")
async def test_a_change_of_rights_holds_at_once_here_and_soon_at_another_process(settings: Settings) -> None:
    async with two_processes(settings) as (first, second):
        library = Library(*await signed_up(first, "admin", "member"))
        admin, member = library.people
        sales = await library.create_group("Sales", member)
        collection_id = await library.create_collection("Sales", sales)
        await library.write(collection_id, "prices.txt", "prices")
        there = on(second, member)

        async def holds() -> None:
            await library.check(member)
            await soon(lambda: library.check(there))

        await holds()
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
        library.rules.groups_of[member.id] = set()
        await holds()
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": [sales]})
        library.rules.groups_of[member.id] = {sales}
        await holds()
        await admin.delete(f"/auth/groups/{sales}")
        library.rules.groups_of[member.id] = set()
        await holds()
        await library.restrict(collection_id)
        await holds()
        await library.restrict(collection_id, await admin.create_group("Others"))
        await holds()
        await admin.patch(f"/auth/users/{member.id}", {"is_active": False})
        assert (await member.call("GET", "/knowledge/collections")).status_code == 401

        async def is_closed() -> None:
            assert (await there.call("GET", "/knowledge/collections")).status_code == 401

        await soon(is_closed)


async def test_an_editor_decides_for_their_own_groups_and_for_no_others(platform: Platform) -> None:
    """Neither by making a collection, nor by opening one, nor by taking it from others who read it."""
    admin, editor = await platform.sign_up("admin"), await platform.sign_up("editor")
    ours, theirs = await admin.create_group("Ours", editor), await admin.create_group("Theirs")
    await admin.patch(f"/auth/users/{editor.id}", {"role": "editor"})
    own = await editor.create_collection("Own", [ours])
    everybodys, shared = (
        await admin.create_collection("All"),
        await admin.create_collection("Both", [ours, theirs]),
    )
    for groups in ([], [theirs], [ours, theirs]):
        made = await editor.call("POST", "/knowledge/collections", json={"name": "X", "group_ids": groups})
        opened = await editor.call("PATCH", f"/knowledge/collections/{own}", json={"group_ids": groups})
        assert problem_of(made) == problem_of(opened) == (403, "not_your_groups")
    document_id = await editor.upload(own, "a.txt", b"The code is seven.")
    for collection_id in (everybodys, shared):
        path = f"/knowledge/collections/{collection_id}"
        foreign = await admin.upload(collection_id, "a.txt", b"The code is eight.")
        answers = [
            await editor.call("PATCH", path, json={"group_ids": [ours]}),
            await editor.call("DELETE", path),
            await editor.call("POST", f"{path}/documents", files={"file": ("a.txt", b"The code is six.")}),
            await editor.call("POST", f"{path}/urls", json={"url": "http://127.0.0.1:9/"}),
            await editor.call("POST", f"/knowledge/documents/{foreign}/retry"),
            await editor.call("DELETE", f"/knowledge/documents/{foreign}"),
        ]
        assert {problem_of(answer) for answer in answers} == {(403, "not_your_groups")}
    await editor.delete(f"/knowledge/documents/{document_id}")
    await admin.delete(f"/auth/groups/{ours}/members/{editor.id}")
    assert problem_of(await editor.call("DELETE", f"/knowledge/collections/{own}"))[0] == 404
