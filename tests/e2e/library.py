"""The library: papers that are uploaded, replaced and deleted while servers are killed, and searched meanwhile."""

import itertools
import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from src.infrastructure.settings import Settings
from tests.databases import query
from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import Server
from tests.e2e.ledger import ACCOUNT

PARTS = 12
SENTENCE = re.compile(r"This is part (\d+) of edition (\d+) of (paper\w+)\.")
FILLER = "The words that follow make a passage of it, so that an edition has several of them. " * 8


@dataclass
class Paper:
    """One file name, owned by one librarian. Editions count up with every attempt at an upload.

    `possible` are the editions it may have in the end (None: it is deleted): the one that was promised last,
    and those whose upload or deletion was not answered since. No edition below `floor` may be found any more.
    """

    name: str
    editions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    possible: set[int | None] = field(default_factory=lambda: {None})
    document_id: str | None = None
    floor: int = 0


def text_of(paper: Paper, edition: int) -> str:
    parts = (f"This is part {part} of edition {edition} of {paper.name}." for part in range(PARTS))
    return "\n\n".join(f"# Chapter {number}\n\n{part} {FILLER}" for number, part in enumerate(parts))


class Library:
    """Librarians who upload, replace and delete without end, and readers who search meanwhile."""

    def __init__(self, servers: Sequence[Server], librarians: int = 3, readers: int = 2) -> None:
        self.faults: list[str] = []
        self.answered = 0
        self._servers = servers
        self._stopped = threading.Event()
        caller = Caller(servers[0].url)
        caller.sign_in()
        self.collection = caller.post("/knowledge/collections", {"name": "Library"})["id"]
        self._token = caller.post("/auth/login", ACCOUNT)["access_token"]
        shelves = [
            [Paper(f"paper{chr(97 + shelf)}{place}") for place in range(4)] for shelf in range(librarians)
        ]
        self.papers = [paper for shelf in shelves for paper in shelf]
        self._threads = [threading.Thread(target=self._work, args=(self._change, shelf)) for shelf in shelves]
        self._threads += [
            threading.Thread(target=self._work, args=(self._search, self.papers)) for _ in range(readers)
        ]

    def __enter__(self) -> "Library":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _work(self, act: Callable[[httpx.Client, str, Paper], None], papers: Sequence[Paper]) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self._token}"}, timeout=20) as client:
            while not self._stopped.is_set():
                api = f"{random.choice(self._servers).url}/api/v1/knowledge"
                try:
                    act(client, api, random.choice(papers))
                except httpx.TransportError:
                    self._stopped.wait(0.02)

    def _change(self, client: httpx.Client, api: str, paper: Paper) -> None:
        if paper.document_id and random.random() < 0.25:
            self._delete(client, api, paper)
        else:
            self._upload(client, api, paper)
        self._stopped.wait(random.uniform(0, 0.1))

    def _upload(self, client: httpx.Client, api: str, paper: Paper) -> None:
        edition = next(paper.editions)
        paper.possible.add(edition)
        file = {"file": (f"{paper.name}.md", text_of(paper, edition).encode())}
        answer = client.post(f"{api}/collections/{self.collection}/documents", files=file)
        if answer.is_success:
            paper.possible, paper.document_id = {edition}, answer.json()["id"]
            self.answered += 1

    def _delete(self, client: httpx.Client, api: str, paper: Paper) -> None:
        paper.possible.add(None)
        answer = client.delete(f"{api}/documents/{paper.document_id}")
        if answer.is_success or answer.status_code == httpx.codes.NOT_FOUND:
            paper.possible, paper.document_id = {None}, None
            paper.floor = next(paper.editions)
            self.answered += 1

    def _search(self, client: httpx.Client, api: str, paper: Paper) -> None:
        """A paper is found in one edition alone, and never in one that is known to be gone."""
        floor = paper.floor
        answer = client.post(f"{api}/search", json={"query": paper.name, "limit": 50})
        if answer.is_success:
            seen = editions_in(paper, [each["text"] for each in answer.json()["passages"]])
            if len(seen) > 1 or any(edition < floor for edition in seen):
                self.faults.append(f"{paper.name} was found in editions {seen}, though {floor} was there")
            paper.floor = max(paper.floor, *seen, 0)


def editions_in(paper: Paper, texts: Sequence[str]) -> set[int]:
    found = (match for text in texts for match in SENTENCE.findall(text))
    return {int(edition) for _, edition, name in found if name == paper.name}


def check(library: Library, settings: Settings, server: Server) -> None:
    """Fail unless every paper is whole, in an edition that it may have, and nothing is left of the others."""
    assert library.faults == []
    caller = Caller(server.url)
    caller.sign_in(register=False)
    _wait_until_all_is_read(caller, settings)
    documents = {
        item["title"]: item
        for item in caller.get(f"/knowledge/collections/{library.collection}/documents?limit=200")["items"]
    }
    for paper in library.papers:
        edition = _edition(caller, paper, documents.get(f"{paper.name}.md"))
        assert edition in paper.possible, f"{paper} is there in edition {edition}"
        passages = caller.post("/knowledge/search", {"query": paper.name, "limit": 50})["passages"]
        found = editions_in(paper, [each["text"] for each in passages])
        assert found == ({edition} - {None})
    _check_tables_and_files(settings)


def _wait_until_all_is_read(caller: Caller, settings: Settings) -> None:
    def waiting() -> list[object]:
        behind = [each["name"] for each in caller.get("/operations/events")["items"] if each["lag"]]
        unread = "SELECT id FROM knowledge_document_version WHERE status IN ('pending', 'processing')"
        return [*behind, *query(settings, unread)]

    assert eventually(waiting, lambda stuck: not stuck, seconds=120) == []
    assert query(settings, "SELECT reason FROM knowledge_document_version WHERE status = 'failed'") == []
    assert query(settings, "SELECT subscription, error FROM event_parked") == []


def _edition(caller: Caller, paper: Paper, document: dict[str, object] | None) -> int | None:
    """Return the edition that a paper is there in, every part of it once."""
    if document is None:
        return None
    assert document["status"] == "ready", document
    passages = caller.get(f"/knowledge/documents/{document['id']}/passages?limit=200")["items"]
    assert len(passages) == document["passage_count"]
    parts = [match for passage in passages for match in SENTENCE.findall(passage["text"])]
    assert [int(part) for part, _, _ in parts] == list(range(PARTS))
    [edition] = editions_in(paper, [passage["text"] for passage in passages])
    return edition


def _check_tables_and_files(settings: Settings) -> None:
    """Each document has its live version alone, each version its file, and what was removed has none."""
    assert (
        query(
            settings,
            "SELECT v.id FROM knowledge_document_version v JOIN knowledge_document d ON d.id = v.document_id "
            "WHERE d.live_version_id IS NULL OR d.live_version_id <> v.id",
        )
        == []
    )
    assert query(settings, "SELECT id FROM knowledge_passage WHERE version_id IS NULL") == []
    files = {path.name for path in (Path(settings.data_dir) / "uploads").iterdir()}
    versions = {
        str(UUID(str(row[0]))) for row in query(settings, "SELECT id FROM knowledge_document_version")
    }
    assert versions <= files
    removals = query(
        settings,
        "SELECT payload FROM event_log "
        "WHERE name IN ('knowledge.versions_removed', 'knowledge.document_deleted')",
    )
    removed = {id_ for row in removals for id_ in json.loads(str(row[0]))["version_ids"]}
    assert not removed & files
    assert not removed & versions
