"""The API at the far end of the client's connection, as a table of answers."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from ui.client import Client
from ui.wire import connect

TOKENS = {"access_token": "first", "refresh_token": "again", "token_type": "bearer", "expires_in": 900}
ADMIN = {
    "id": "u1",
    "email": "kim@example.com",
    "name": "Kim",
    "role": "admin",
    "is_active": True,
    "group_ids": [],
    "created_at": "2026-01-01T00:00:00Z",
}


@dataclass
class FakeApi:
    """Answers each method and path with what `on` was told; remembers what was asked."""

    answers: dict[tuple[str, str], list[httpx.Response]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def on(self, method: str, path: str, *bodies: Any, status: int = 200) -> None:
        """Answer with these bodies in turn; the last one stays. A path may end with a parameter: `?a=b`."""
        self.answers[method, path] = [_response(status, body) for body in bodies or (None,)]

    def client(self) -> Client:
        return Client(connect("http://api.test", httpx.MockTransport(self._answer)))

    def sent(self, method: str, path: str) -> list[Any]:
        """The JSON bodies that were sent to a path."""
        return [
            json.loads(request.content or b"null")
            for request in self.requests
            if (request.method, request.url.path) == (method, f"/api/v1{path}")
        ]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/api/v1")
        for asked in (*(f"{path}?{name}={value}" for name, value in request.url.params.items()), path):
            if answers := self.answers.get((request.method, asked)):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return _response(404, problem(404, "not_found", "There is nothing here."))


def page(*items: Any, next_cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": next_cursor}


def problem(status: int, code: str, detail: str = "") -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "req-1",
    }


def events(*pairs: tuple[str, dict[str, Any]], offset: int = 0) -> str:
    """A stream as the server sends it, `offset` characters into the answer; without an `end` it breaks off."""
    lines = ["retry: 1000\n\n: heartbeat\n\n"]
    for name, data in pairs:
        offset = len(data["text"]) + (offset if name == "delta" else 0) if "text" in data else offset
        lines.append(f"event: {name}\ndata: {json.dumps(data)}\nid: {offset}\n\n: heartbeat\n\n")
    return "".join(lines)


def answer(*pairs: tuple[str, dict[str, Any]], offset: int = 0) -> str:
    """A whole stream, from the ids to the end."""
    ids = {"session_id": "s1", "message_id": "assistant-1", "user_message_id": "user-1"}
    return events(("message", ids), *pairs, ("end", {"status": "completed"}), offset=offset)


def _response(status: int, body: Any) -> httpx.Response:
    if isinstance(body, httpx.Response):
        return body
    if isinstance(body, str):
        return httpx.Response(status, text=body, headers={"Content-Type": "text/event-stream"})
    if isinstance(body, dict) and "code" in body:
        return httpx.Response(body["status"], json=body, headers={"Content-Type": "application/problem+json"})
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)
