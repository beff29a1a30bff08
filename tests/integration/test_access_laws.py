"""The laws of access, whatever changes with people, groups, collections and documents, and in whichever order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID, uuid4

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
from src.domains.knowledge.repositories.documents import VersionRepository
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.bus import EventBus
from src.shared.events.chat import SessionDeleted
from src.shared.events.knowledge import PassagesChanged
from tests.access import (
    EVERYWHERE,
    Kept,
    Paper,
    Rules,
    check_answers,
    check_doors,
    check_kept,
    check_lists,
    check_readable,
    check_searches,
    check_session,
    searching_platform,
    signed_up,
)
from tests.builders import UNKNOWN_ID, Person, Platform, problem_of

T = TypeVar("T")

MOST_PAPERS = 12
SESSIONS = [str(uuid4()) for _ in range(2)]
"""Everybody uses the same ids: nothing may come of it."""
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
        self.people = runner.run(signed_up(self.platform, "root", "ann", "bob", "cid"))

    def start(self) -> None:
        self.bus = EventBus()
        platform = searching_platform(self._settings, bus=self.bus)
        self.platform: Platform = self.runner.run(self._stack.enter_async_context(platform))
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
        self.kept: deque[Kept] = deque(maxlen=4)
        self.steps = 0

    @initialize(readers=st.lists(SOME, min_size=3, max_size=3))
    def begin(self, readers: list[set[int]]) -> None:
        """Some groups, each with a member, and some collections that have documents."""
        for number in range(3):
            self.create_group(number)
        for groups in readers:
            self.create_collection(groups, papers=1)
        for number, session in enumerate((*SESSIONS, SESSIONS[0])):
            self.attach(number, session, "a.txt")

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

    @precondition(lambda self: self._shared())
    @rule(number=NUMBERS)
    def replace(self, number: int) -> None:
        paper = self.rules.papers[_one(self._shared(), number)]
        self._write(paper.collection_id, paper.title)

    @precondition(lambda self: self._shared())
    @rule(number=NUMBERS)
    def prepare(self, number: int) -> None:
        """Put passages of a version that is not live beside those of the live one, as its reading does."""
        document_id = _one(self._shared(), number)
        collection_id = self.rules.papers[document_id].collection_id
        self.run(self._prepare(UUID(document_id), UUID(collection_id)))

    @precondition(lambda self: self._shared())
    @rule(number=NUMBERS)
    def delete_document(self, number: int) -> None:
        document_id = _one(self._shared(), number)
        self.run(self.root.delete(f"/knowledge/documents/{document_id}"))
        del self.rules.papers[document_id]

    @precondition(lambda self: len(self.rules.papers) < MOST_PAPERS)
    @rule(number=NUMBERS, session=st.sampled_from(SESSIONS), title=st.sampled_from(["a.txt", "b.txt"]))
    def attach(self, number: int, session: str, title: str) -> None:
        """Put a file into a session, or a new version of the one of this title."""
        person = _one(self.office.people, number)
        if person.id in self.rules.closed:
            return
        texts = self._new_texts()
        files = {"file": (title, "\n\n".join(texts).encode())}
        upload = self.run(person.post(f"/knowledge/sessions/{session}/documents", files=files))
        document = self.run(person.read_to_its_end(upload["id"]))
        self._note(document, Paper(document["collection_id"], title, texts, person.id, session))

    @precondition(lambda self: self._attached())
    @rule(number=NUMBERS, other=NUMBERS)
    def delete_attached(self, number: int, other: int) -> None:
        """Its owner deletes a file in a session; somebody else is told that there is no such thing."""
        document_id = _one(self._attached(), number)
        person = _one(self.office.people, other)
        if person.id in self.rules.closed:
            return
        answer = self.run(person.call("DELETE", f"/knowledge/documents/{document_id}"))
        if person.id == self.rules.papers[document_id].owner_id:
            assert answer.status_code == 204
            del self.rules.papers[document_id]
        else:
            assert problem_of(answer) == (404, "unknown_document")

    @rule(number=NUMBERS, session=st.sampled_from(SESSIONS))
    def delete_session(self, number: int, session: str) -> None:
        """The files of one of those who use its id go with it."""
        person = _one(self.office.people, number)
        self.run(self._delete_session(person.id, session))

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
        for person in self.office.people:
            for session in SESSIONS:
                self.run(self._delete_session(person.id, session))
        for group_id in self.rules.groups:
            self.run(self.root.delete(f"/auth/groups/{group_id}"))
        for person in self.office.people[1:]:
            self._set_rights(person, role="user", is_active=True)

    async def _look(self, person: Person, *, closely: bool) -> None:
        ever = self.collections[-5:]
        one = [ever[self.steps % len(ever)]] if ever else []
        await check_searches(person, self.rules, [*ever, UNKNOWN_ID], one)
        await check_lists(person, self.rules)
        await check_session(person, self.rules, self.office.bus, SESSIONS[self.steps % len(SESSIONS)])
        await check_readable(person, self.rules, self.office.bus, self.documents)
        await check_kept(person, self.rules, self.kept)
        if closely:
            self.kept.append(await check_answers(person, self.rules))
            owned = {paper.collection_id for paper in self.rules.papers.values() if paper.owner_id}
            await check_doors(person, self.rules, [*ever, *owned], self.documents[-5:])

    def _write(self, collection_id: str, title: str) -> None:
        """Upload a document, or a new version of the one of this title."""
        paper = Paper(collection_id, title, self._new_texts())
        self._note(self.run(self.root.upload_and_wait(collection_id, title, paper.content)), paper)

    def _new_texts(self) -> tuple[str, ...]:
        self.office.written += 1
        return tuple(f"{EVERYWHERE} word{self.office.written}{part}" for part in "ab")

    def _note(self, document: dict[str, Any], paper: Paper) -> None:
        assert document["status"] == "ready", document
        if document["id"] not in self.documents:
            self.documents.append(document["id"])
        self.rules.papers[document["id"]] = paper

    def _shared(self) -> list[str]:
        return sorted(each for each, paper in self.rules.papers.items() if not paper.owner_id)

    def _attached(self) -> list[str]:
        return sorted(each for each, paper in self.rules.papers.items() if paper.owner_id)

    async def _delete_session(self, user_id: str, session_id: str) -> None:
        deleted = SessionDeleted(session_id=UUID(session_id), user_id=UUID(user_id))
        database = self.office.platform.app.state.documents._database
        await database.write(lambda uow: uow.record(deleted))
        await self.office.platform.delivered("knowledge.sessions")
        papers, gone = self.rules.papers.items(), (user_id, session_id)
        self.rules.papers = {id: each for id, each in papers if (each.owner_id, each.session_id) != gone}

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
                settings=hypothesis.settings(max_examples=2, stateful_step_count=12, deadline=None),
            )
        finally:
            office.stop()
