"""The laws of access, whatever changes with people, groups, collections and documents, and in whichever order."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TypeVar
from uuid import UUID

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from src.domains.knowledge.models import DocumentVersion, StoredPassage
from src.domains.knowledge.repositories import VersionRepository
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.knowledge import PassagesChanged
from tests.access import (
    EVERYWHERE,
    Paper,
    Rules,
    check_answers,
    check_doors,
    check_lists,
    check_searches,
    searching_platform,
)
from tests.builders import UNKNOWN_ID, Person, Platform, problem_of

T = TypeVar("T")

MOST_PAPERS = 12
NUMBERS = st.integers(0, 11)
SOME = st.sets(st.integers(0, 3), max_size=2)


class Office:
    """A platform with its people, which can be restarted; each example leaves it as it was."""

    def __init__(self, settings: Settings, runner: asyncio.Runner) -> None:
        self.runner = runner
        self._settings = settings
        self._stack = AsyncExitStack()
        self.written = 0
        self.people: list[Person] = []
        self.start()
        self.people = [runner.run(self.platform.sign_up(name)) for name in ("root", "ann", "bob", "cid")]

    def start(self) -> None:
        self.platform: Platform = self.runner.run(
            self._stack.enter_async_context(searching_platform(self._settings))
        )
        for person in self.people:
            person._platform = self.platform

    def stop(self) -> None:
        self.runner.run(self._stack.aclose())


class Access(RuleBasedStateMachine):
    """The first of the people manages everything; what is done to the others, and to the groups, is free."""

    def __init__(self, office: Office) -> None:
        super().__init__()
        self.office, self.run = office, office.runner.run
        self.root = office.people[0]
        self.rules = Rules(admins={self.root.id})
        self.collections: list[str] = []
        self.documents: list[str] = []
        self.steps = 0

    @initialize(readers=st.lists(SOME, min_size=3, max_size=3))
    def begin(self, readers: list[set[int]]) -> None:
        """Some groups, each with a member, and some collections that have documents."""
        for number in range(3):
            self.create_group(number)
        for groups in readers:
            self.create_collection(groups, papers=1)

    @rule(number=NUMBERS, groups=SOME)
    def move(self, number: int, groups: set[int]) -> None:
        """Put somebody into some of the groups, and out of the others."""
        person = _one(self.office.people, number)
        chosen = self._groups(groups)
        self.run(self.root.patch(f"/auth/users/{person.id}", {"group_ids": chosen}))
        self.rules.groups_of[person.id] = set(chosen)

    @precondition(lambda self: len(self.rules.groups) < 4)
    @rule(number=NUMBERS)
    def create_group(self, number: int) -> None:
        """Make a group with one member, who leaves the others."""
        member = _one(self.office.people, number)
        group_id = self.run(self.root.create_group(self._new_name(), member))
        self.rules.groups.add(group_id)
        self.rules.groups_of[member.id] = {group_id}

    @precondition(lambda self: self.rules.groups)
    @rule(number=NUMBERS)
    def delete_group(self, number: int) -> None:
        """A collection that only this group could read is nobody's then, not everybody's."""
        group_id = _one(sorted(self.rules.groups), number)
        self.run(self.root.delete(f"/auth/groups/{group_id}"))
        self.rules.groups.remove(group_id)
        for groups in self.rules.groups_of.values():
            groups.discard(group_id)

    @precondition(lambda self: len(self.rules.readers) < 5)
    @rule(groups=SOME, papers=st.integers(0, 2))
    def create_collection(self, groups: set[int], papers: int) -> None:
        readers = self._groups(groups)
        collection_id = self.run(self.root.create_collection(self._new_name(), readers))
        self.collections.append(collection_id)
        self.rules.readers[collection_id] = set(readers)
        for _ in range(papers):
            self._write(collection_id, f"{self._new_name()}.txt")

    @precondition(lambda self: self.rules.readers)
    @rule(number=NUMBERS, groups=SOME)
    def change_readers(self, number: int, groups: set[int]) -> None:
        collection_id, readers = _one(sorted(self.rules.readers), number), self._groups(groups)
        self.run(self.root.patch(f"/knowledge/collections/{collection_id}", {"group_ids": readers}))
        self.rules.readers[collection_id] = set(readers)

    @precondition(lambda self: self.rules.readers)
    @rule(number=NUMBERS)
    def delete_collection(self, number: int) -> None:
        self._delete_collection(_one(sorted(self.rules.readers), number))

    @precondition(lambda self: self.rules.readers and len(self.rules.papers) < MOST_PAPERS)
    @rule(number=NUMBERS)
    def upload(self, number: int) -> None:
        self._write(_one(sorted(self.rules.readers), number), f"{self._new_name()}.txt")

    @precondition(lambda self: self.rules.papers)
    @rule(number=NUMBERS)
    def replace(self, number: int) -> None:
        paper = self.rules.papers[_one(sorted(self.rules.papers), number)]
        self._write(paper.collection_id, paper.title)

    @precondition(lambda self: self.rules.papers)
    @rule(number=NUMBERS)
    def prepare(self, number: int) -> None:
        """Put passages of a version that is not live beside those of the live one, as its reading does."""
        document_id = _one(sorted(self.rules.papers), number)
        collection_id = self.rules.papers[document_id].collection_id
        self.run(self._prepare(UUID(document_id), UUID(collection_id)))

    @precondition(lambda self: self.rules.papers)
    @rule(number=NUMBERS)
    def delete_document(self, number: int) -> None:
        document_id = _one(sorted(self.rules.papers), number)
        self.run(self.root.delete(f"/knowledge/documents/{document_id}"))
        del self.rules.papers[document_id]

    @rule(number=NUMBERS, is_active=st.booleans())
    def switch(self, number: int, is_active: bool) -> None:
        person = _one(self.office.people[1:], number)
        self._set_rights(person, is_active=is_active)

    @rule(number=NUMBERS, role=st.sampled_from(["admin", "user"]))
    def appoint(self, number: int, role: str) -> None:
        self._set_rights(_one(self.office.people[1:], number), role=role)

    @rule()
    def restart(self) -> None:
        """What each process keeps in its memory is made anew."""
        self.office.stop()
        self.office.start()

    @invariant()
    def everybody_sees_what_they_may_and_nothing_else(self) -> None:
        """The doors of single documents are tried by one person after the other."""
        self.steps += 1
        for number, person in enumerate(self.office.people):
            if person.id in self.rules.closed:
                answer = self.run(person.call("POST", "/knowledge/search", json={"query": EVERYWHERE}))
                assert problem_of(answer) == (401, "account_closed")
            else:
                self.run(self._look(person, closely=self.steps % len(self.office.people) == number))

    def teardown(self) -> None:
        for collection_id in list(self.rules.readers):
            self._delete_collection(collection_id)
        for group_id in self.rules.groups:
            self.run(self.root.delete(f"/auth/groups/{group_id}"))
        for person in self.office.people[1:]:
            self._set_rights(person, role="user", is_active=True)

    async def _look(self, person: Person, *, closely: bool) -> None:
        ever = self.collections[-5:]
        one = [ever[self.steps % len(ever)]] if ever else []
        await check_searches(person, self.rules, [*ever, UNKNOWN_ID], one)
        await check_lists(person, self.rules)
        if closely:
            await check_answers(person, self.rules)
            await check_doors(person, self.rules, ever, self.documents[-5:])

    def _write(self, collection_id: str, title: str) -> None:
        """Upload a document, or a new version of the one of this title."""
        self.office.written += 1
        texts = [f"{EVERYWHERE} word{self.office.written}{part}" for part in "ab"]
        paper = Paper(collection_id, title, tuple(texts))
        document = self.run(self.root.upload_and_wait(collection_id, title, paper.content))
        assert document["status"] == "ready", document
        if document["id"] not in self.documents:
            self.documents.append(document["id"])
        self.rules.papers[document["id"]] = paper

    async def _prepare(self, document_id: UUID, collection_id: UUID) -> None:
        def prepare(uow: UnitOfWork) -> None:
            newest = VersionRepository(uow).newest(document_id)
            assert newest
            version = DocumentVersion(
                document_id=document_id,
                number=newest.number + 1,
                file_name=newest.file_name,
                size_bytes=1,
                status="failed",  # the worker leaves it alone
                created_by=newest.created_by,
                created_at=newest.created_at,
            )
            VersionRepository(uow).add(version)
            uow.session.flush()
            ids = {"document_id": document_id, "version_id": version.id}
            uow.session.add(StoredPassage(**ids, ordinal=0, location="", text=f"{EVERYWHERE} prepared"))
            uow.record(PassagesChanged(document_id=document_id, collection_id=collection_id))

        await self.office.platform.app.state.documents._database.write(prepare)
        await self.office.platform.delivered("knowledge.index")

    def _delete_collection(self, collection_id: str) -> None:
        self.run(self.root.delete(f"/knowledge/collections/{collection_id}"))
        del self.rules.readers[collection_id]
        papers = self.rules.papers.items()
        self.rules.papers = {id: paper for id, paper in papers if paper.collection_id != collection_id}

    def _set_rights(self, person: Person, **rights: object) -> None:
        self.run(self.root.patch(f"/auth/users/{person.id}", rights))
        if "role" in rights:
            change = self.rules.admins.add if rights["role"] == "admin" else self.rules.admins.discard
            change(person.id)
        if "is_active" in rights:
            change = self.rules.closed.discard if rights["is_active"] else self.rules.closed.add
            change(person.id)

    def _groups(self, numbers: set[int]) -> list[str]:
        groups = sorted(self.rules.groups)
        return [groups[number % len(groups)] for number in numbers] if groups else []

    def _new_name(self) -> str:
        self.office.written += 1
        return f"name{self.office.written}"


def _one(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


def test_the_laws_of_access(settings: Settings) -> None:
    with asyncio.Runner() as runner:
        office = Office(settings, runner)
        try:
            run_state_machine_as_test(
                lambda: Access(office),
                settings=hypothesis.settings(max_examples=3, stateful_step_count=15, deadline=None),
            )
        finally:
            office.stop()
