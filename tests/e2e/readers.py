"""Readers of answers at real servers: over sockets, cut off at any time, and coming back with what they have."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx

from tests.e2e.callers import Caller
from tests.streams import Told, told_in


class Reader:
    """Somebody with one answer: asks for it, reads, is left or leaves, and comes back for the rest."""

    def __init__(self, caller: Caller, **session: str) -> None:
        self.session_id = caller.post("/chat/sessions", session)["id"]
        self.text = ""
        self.events: list[Told] = []
        self.message_id = ""
        self.retry_ms = ""
        self._caller = caller
        self._connection = ExitStack()

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.events]

    def ask(self, question: str) -> None:
        path, body = f"/chat/sessions/{self.session_id}/messages", {"content": question, "stream": True}
        self._open("POST", path, json=body)

    def come_back(self, caller: Caller | None = None) -> None:
        """Go on where one was, at another server with a caller of that one."""
        self._caller = caller or self._caller
        headers = {"Last-Event-ID": str(self.events[-1].id)}
        self._open("GET", f"/chat/messages/{self.message_id}/stream", headers=headers)

    def read_to(self, text: str) -> None:
        """Read until so much of the answer is there."""
        while len(self.text) < len(text):
            self._take(next(self._stream))
        assert self.text == text

    def read_on(self) -> None:
        """Read until the connection ends; a broken one raises `httpx.TransportError`."""
        with self._connection:
            for event in self._stream:
                self._take(event)

    def leave(self) -> None:
        self._connection.close()

    def message(self) -> Any:
        """Return the answer as it is saved."""
        return self._caller.get(f"/chat/messages/{self.message_id}")

    def _open(self, method: str, path: str, **arguments: Any) -> None:
        self.leave()
        response = self._connection.enter_context(self._caller.stream(method, path, **arguments))
        assert response.status_code == httpx.codes.OK, response.read()
        self._stream = self._events(response)
        self._take(next(self._stream))

    def _events(self, response: httpx.Response) -> Iterator[Told]:
        block: list[str] = []
        for line in response.iter_lines():
            if line:
                block.append(line)
            else:
                if told := told_in("\n".join(block)):
                    yield told
                elif block[0].startswith("retry: "):
                    self.retry_ms = block[0].removeprefix("retry: ")
                block.clear()

    def _take(self, event: Told) -> None:
        self.events.append(event)
        self.message_id = event.data.get("message_id", self.message_id)
        if event.name == "reset":
            self.text = event.data["text"]
        elif event.name == "delta":
            self.text += event.data["text"]
        assert event.id == len(self.text)
