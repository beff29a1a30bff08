"""The ledger: what callers were promised while servers were killed, held against what is there afterwards."""

import itertools
import json
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from src.infrastructure.settings import Settings
from tests.builders import PASSWORD
from tests.databases import query
from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import Server

ASKED_AGAIN = "answer_requested_again"
ACCOUNT = {"email": "admin@example.com", "password": PASSWORD}


@dataclass
class Promises:
    """What servers answered with success."""

    turns: dict[str, str] = field(default_factory=dict)
    """The answer's text by the id of its message."""
    documents: dict[str, str] = field(default_factory=dict)
    """A word that only this document holds, by the document's id."""


class Load:
    """Callers that ask and upload without end, and note every promise; what fails is tried elsewhere.

    Now and then they go on in a session, or have a question answered again: the sessions grow branches.
    """

    def __init__(self, servers: Sequence[Server], askers: int = 6) -> None:
        self.promises = Promises()
        self._servers = servers
        self._stopped = threading.Event()
        self._numbers = itertools.count()
        self._answers: deque[dict[str, str]] = deque(maxlen=50)
        self._threads = [threading.Thread(target=self._repeat, args=(self._ask,)) for _ in range(askers)]
        self._threads.append(threading.Thread(target=self._repeat, args=(self._upload,)))
        caller = Caller(servers[0].url)
        caller.sign_in()
        self._collection = caller.post("/knowledge/collections", {"name": "Ledger"})["id"]
        self._token = caller.post("/auth/login", ACCOUNT)["access_token"]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, act: Callable[[httpx.Client, str, int], None]) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self._token}"}, timeout=20) as client:
            while not self._stopped.is_set():
                url = random.choice(self._servers).url
                try:
                    act(client, f"{url}/api/v1", next(self._numbers))
                except httpx.TransportError:
                    self._stopped.wait(0.02)

    def _ask(self, client: httpx.Client, api: str, number: int) -> None:
        earlier = random.choice(self._answers) if self._answers and random.random() < 0.5 else None
        if earlier and random.random() < 0.5:
            answer = client.post(f"{api}/chat/messages/{earlier['message_id']}/regenerate", json={})
        else:
            session_id = earlier["session_id"] if earlier else None
            body = {"message": f"Question {number}?", "session_id": session_id}
            answer = client.post(f"{api}/chat", json=body)
        if answer.is_success:
            self._answers.append(answer.json())
            self.promises.turns[answer.json()["message_id"]] = answer.json()["answer"]

    def _upload(self, client: httpx.Client, api: str, number: int) -> None:
        word = f"zebra{number}"
        file = {"file": (f"{word}.txt", f"The animal of this paper is {word}.".encode())}
        uploaded = client.post(f"{api}/knowledge/collections/{self._collection}/documents", files=file)
        if uploaded.is_success:
            self.promises.documents[uploaded.json()["id"]] = word
        self._stopped.wait(0.2)


def check(promises: Promises, settings: Settings, server: Server) -> None:
    """Fail when something was lost, doubled, or is stuck."""
    caller = Caller(server.url)
    caller.sign_in(register=False)
    _wait_until_all_is_delivered(caller, settings)
    _check_turns(promises, settings)
    _check_branches(settings)
    _check_analytics(settings)
    _check_documents(promises, settings, caller)


def _wait_until_all_is_delivered(caller: Caller, settings: Settings) -> None:
    def waiting() -> list[object]:
        subscriptions = caller.get("/operations/events")["items"]
        behind = [each["name"] for each in subscriptions if each["lag"]]
        pending = query(settings, "SELECT id FROM chat_message WHERE status = 'pending'")
        unread = query(
            settings, "SELECT id FROM knowledge_document_version WHERE status IN ('pending', 'processing')"
        )
        return [*behind, *pending, *unread]

    assert eventually(waiting, lambda stuck: not stuck, seconds=120) == []
    assert query(settings, "SELECT subscription, error FROM event_parked") == []


def _check_turns(promises: Promises, settings: Settings) -> None:
    """Every question has its answers; each has its events; what was promised is there as it was promised."""
    rows = query(settings, "SELECT id, role, status, parent_id, content FROM chat_message")
    kept = {_uuid(row[0]): row for row in rows}
    questions = [id_ for id_, row in kept.items() if row[1] == "user"]
    answers = {id_: _uuid(row[3]) for id_, row in kept.items() if row[1] == "assistant"}
    assert set(answers.values()) == set(questions)
    lost = {id_ for id_, text in promises.turns.items() if id_ not in kept or kept[id_][4] != text}
    assert not lost
    unfinished = {id_ for id_ in promises.turns if kept[id_][2] != "completed"}
    assert not unfinished
    completed = [id_ for id_, row in kept.items() if row[1] == "assistant" and row[2] == "completed"]
    interrupted = [id_ for id_, row in kept.items() if row[1] == "assistant" and row[2] != "completed"]
    assert Counter(_logged(settings, "chat.message_received")) == Counter(questions)
    asked = [_logged(settings, f"chat.{name}", "answer_id") for name in ("message_received", ASKED_AGAIN)]
    assert Counter(itertools.chain(*asked)) == Counter(answers.keys())
    assert Counter(_logged(settings, "chat.response_generated")) == Counter(completed)
    assert Counter(_logged(settings, "chat.response_failed")) == Counter(interrupted)


def _check_branches(settings: Settings) -> None:
    """Each message follows one of its own session, and each session goes on from an answer of its own."""
    rows = query(settings, "SELECT id, session_id, parent_id, role FROM chat_message")
    sessions = {row[0]: row[1] for row in rows}
    assert [row[0] for row in rows if row[2] and sessions.get(row[2]) != row[1]] == []
    answers = {(row[0], row[1]) for row in rows if row[3] == "assistant"}
    assert set(query(settings, "SELECT leaf_id, id FROM chat_session")) <= answers


def _check_analytics(settings: Settings) -> None:
    """The projection has a row an answer, with what became of it."""
    rows = query(settings, "SELECT answer_id, outcome FROM analytics_turn")
    counted = Counter((_uuid(row[0]), row[1]) for row in rows)
    messages = query(settings, "SELECT id, status FROM chat_message WHERE role = 'assistant'")
    outcomes = {"completed": "completed", "interrupted": "failed", "failed": "failed"}
    assert counted == Counter((_uuid(row[0]), outcomes[str(row[1])]) for row in messages)


def _check_documents(promises: Promises, settings: Settings, caller: Caller) -> None:
    """Every accepted document is ready, has its passage once, and is found by its word."""
    rows = query(
        settings,
        "SELECT v.document_id, v.status, count(p.id) FROM knowledge_document_version v "
        "LEFT JOIN knowledge_passage p ON p.version_id = v.id GROUP BY v.document_id, v.status",
    )
    kept = {_uuid(row[0]): row[1:] for row in rows}
    assert {id_: kept.get(id_) for id_ in promises.documents} == dict.fromkeys(
        promises.documents, ("ready", 1)
    )
    for document_id, word in list(promises.documents.items())[-20:]:
        found = caller.post("/knowledge/search", {"query": word, "limit": 5})["passages"]
        holders = [each["document_id"] for each in found if f" {word}." in each["text"]]
        assert holders == [document_id]


def _logged(settings: Settings, name: str, key: str = "message_id") -> list[str]:
    """Return the ids of the messages that events of this name are about."""
    rows = query(settings, f"SELECT payload FROM event_log WHERE name = '{name}'")
    return [json.loads(str(row[0]))[key] for row in rows]


def _uuid(value: object) -> str:
    """Return an id as the API writes it: SQLite keeps it without dashes."""
    return str(UUID(str(value)))
