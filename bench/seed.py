"""A house with people, sessions and documents, made through the API, and the requests that are sent to it."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import httpx

from bench import texts
from bench.load import Requests
from bench.processes import Program
from bench.server import House, serving

PEOPLE = 16
SESSIONS_OF_A_PERSON = 16
QUESTIONS = 8_192
MOST_SECTIONS_OF_A_FILE = 1_000
TRIED_QUESTIONS = 50
LONGEST_READING = 600
PASSWORD = "a long password of nobody"  # noqa: S105  # of people who do not exist


class BadSeed(Exception):
    """The data is not what the benchmark means to measure."""


@dataclass(frozen=True)
class SeededHouse:
    """A house and those who ask in it: a token and the ids of some sessions for each."""

    house: House
    people: Sequence[tuple[str, Sequence[str]]]
    seconds: float

    def json_turns(self) -> Requests:
        askers = cycle(token for token, _sessions in self.people)
        requests = [post("/api/v1/chat", next(askers), {"message": text}) for text in _questions()]
        return Requests(requests, self.house.folder.with_suffix(".json-turns"))

    def streamed_turns(self) -> Requests:
        places = cycle(
            (token, sessions[at]) for at in range(SESSIONS_OF_A_PERSON) for token, sessions in self.people
        )
        requests = [_streamed_turn(*next(places), text) for text in _questions()]
        return Requests(requests, self.house.folder.with_suffix(".streamed-turns"))


def seed(house: House, passages: int) -> SeededHouse:
    """Fill a new house. The server is stopped afterwards."""
    started = time.perf_counter()
    with serving(house) as server, httpx.Client(base_url=f"{server.url}/api/v1", timeout=120) as client:
        tokens = [_sign_up(client, number) for number in range(PEOPLE)]
        client.headers["Authorization"] = f"Bearer {tokens[0]}"
        _fill_shelf(client, passages)
        _try_questions(client)
        people = [(token, _sessions(server, token)) for token in tokens]
    return SeededHouse(house, people, time.perf_counter() - started)


def post(path: str, token: str, body: dict[str, Any]) -> bytes:
    """Return a request as it goes over the wire."""
    content = json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _streamed_turn(token: str, session_id: str, question: str) -> bytes:
    path = f"/api/v1/chat/sessions/{session_id}/messages"
    return post(path, token, {"content": question, "stream": True})


def _questions() -> list[str]:
    return texts.questions(QUESTIONS)


def _sign_up(client: httpx.Client, number: int) -> str:
    """Register somebody; the first one is the administrator."""
    account = {"email": f"person{number}@example.com", "password": PASSWORD}
    client.post("/auth/register", json=account | {"name": f"Person {number}"}).raise_for_status()
    return str(client.post("/auth/login", json=account).raise_for_status().json()["access_token"])


def _sessions(server: Program, token: str) -> list[str]:
    url, headers = f"{server.url}/api/v1/chat/sessions", {"Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, timeout=30) as client:
        made = [client.post(url, json={}).raise_for_status() for _ in range(SESSIONS_OF_A_PERSON)]
    return [str(answer.json()["id"]) for answer in made]


def _fill_shelf(client: httpx.Client, passages: int) -> None:
    """Upload handbooks and wait until they can be found."""
    collection_id = client.post("/knowledge/collections", json={"name": "Handbooks"}).json()["id"]
    path = f"/knowledge/collections/{collection_id}/documents"
    uploaded = [client.post(path, files={"file": file}).raise_for_status() for file in _files(passages)]
    found = sum(_passages_of(client, answer.json()["id"]) for answer in uploaded)
    if found != passages:
        raise BadSeed(f"the documents became {found} passages, not {passages}")


def _files(passages: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, Korean and English in turn."""
    sections = min(MOST_SECTIONS_OF_A_FILE, math.ceil(passages / len(texts.TONGUES)))
    for number, start in enumerate(range(0, passages, sections)):
        tongue = texts.TONGUES[number % len(texts.TONGUES)]
        text = texts.handbook(tongue, number, min(sections, passages - start))
        yield f"handbook-{number}-{tongue.name}.md", text.encode()


def _passages_of(client: httpx.Client, document_id: str) -> int:
    """Wait until a document is read, and return how many passages it has."""
    deadline = time.monotonic() + LONGEST_READING
    while time.monotonic() < deadline:
        document = client.get(f"/knowledge/documents/{document_id}").raise_for_status().json()
        if document["status"] == "ready":
            return int(document["passage_count"])
        if document["status"] == "failed":
            raise BadSeed(f"a document was not read: {document['reason']}")
        time.sleep(0.2)
    raise BadSeed(f"a document is not ready after {LONGEST_READING} s")


def _try_questions(client: httpx.Client) -> None:
    """Questions that find nothing would make a turn look cheaper than it is."""
    for question in _questions()[:TRIED_QUESTIONS]:
        answer = client.post("/knowledge/search", json={"query": question}).raise_for_status()
        if not answer.json()["passages"]:
            raise BadSeed(f"no passage matches {question!r}")
