"""Somebody who calls a server from outside."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx

from tests.builders import PASSWORD


class Caller:
    """Somebody with `curl`: plain HTTP calls against the server."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def sign_in(self, *, register: bool = True) -> None:
        account = {"email": "admin@example.com", "password": PASSWORD}
        if register:
            self.post("/auth/register", {**account, "name": "Admin"})
        self._client.headers["Authorization"] = f"Bearer {self.post('/auth/login', account)['access_token']}"

    @property
    def authorization(self) -> str:
        return str(self._client.headers["Authorization"])

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def post(self, path: str, body: Any = None, **arguments: Any) -> Any:
        return self._client.post(path, json=body, **arguments).raise_for_status().json()

    def at(self, url: str) -> "Caller":
        """Return the same person as they call another server."""
        other = Caller(url)
        other._client.headers.update(self._client.headers)
        return other

    def stream(self, method: str, path: str, **arguments: Any) -> AbstractContextManager[httpx.Response]:
        return self._client.stream(method, path, **arguments)

    def answer(self, path: str, body: Any, **arguments: Any) -> httpx.Response:
        """Return what is answered, be it a success or not."""
        return self._client.post(path, json=body, **arguments)

    def upload(self, collection_id: str, path: Path) -> None:
        with path.open("rb") as file:
            uploaded = self.post(
                f"/knowledge/collections/{collection_id}/documents", files={"file": (path.name, file)}
            )
        document = eventually(
            lambda: self.get(f"/knowledge/documents/{uploaded['id']}"),
            lambda document: document["status"] in ("ready", "failed"),
        )
        assert document["status"] == "ready", document["reason"]


def eventually(look: Callable[[], Any], fits: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Look until it fits; return what was seen last."""
    deadline = time.monotonic() + seconds
    while not fits(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
