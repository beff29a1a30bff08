"""Builders: people, documents and questions, made through the HTTP API as anybody would."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from src.app import create_app
from src.infrastructure.settings import Settings

PASSWORD = "correct horse battery"


class Person:
    """Somebody signed in; speaks to the API with their token."""

    def __init__(
        self, platform: "Platform", email: str, tokens: dict[str, Any], user: dict[str, Any]
    ) -> None:
        self._platform = platform
        self.email = email
        self.tokens = tokens
        self.user = user

    @property
    def id(self) -> str:
        return str(self.user["id"])

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", **arguments.pop("headers", {})}
        return await self._platform.client.request(method, f"/api/v1{path}", headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> Any:
        return _success(await self.call("GET", path, **arguments))

    async def post(self, path: str, body: Any = None, **arguments: Any) -> Any:
        return _success(await self.call("POST", path, json=body, **arguments))

    async def patch(self, path: str, body: Any) -> Any:
        return _success(await self.call("PATCH", path, json=body))

    async def put(self, path: str, body: Any) -> Any:
        return _success(await self.call("PUT", path, json=body))

    async def delete(self, path: str) -> None:
        _success(await self.call("DELETE", path))

    async def create_group(self, name: str, *members: "Person") -> str:
        group_id = (await self.post("/auth/groups", {"name": name}))["id"]
        for member in members:
            await self.patch(f"/auth/users/{member.id}", {"group_ids": [group_id]})
        return str(group_id)

    async def create_collection(self, name: str = "Handbook", group_ids: Sequence[str] = ()) -> str:
        body = {"name": name, "description": "", "group_ids": list(group_ids)}
        return str((await self.post("/knowledge/collections", body))["id"])

    async def upload(self, collection_id: str, file_name: str, content: bytes) -> str:
        """Upload a file and return the document's id at once."""
        return str((await self.send_file(collection_id, file_name, content))["id"])

    async def send_file(self, collection_id: str, file_name: str, content: bytes) -> dict[str, Any]:
        """Upload a file and return what is answered at once."""
        path = f"/knowledge/collections/{collection_id}/documents"
        answer: dict[str, Any] = await self.post(path, files={"file": (file_name, content)})
        return answer

    async def upload_and_wait(self, collection_id: str, file_name: str, content: bytes) -> dict[str, Any]:
        """Upload a file and return the document once it was read or has failed."""
        return await self.read_to_its_end(await self.upload(collection_id, file_name, content))

    async def read_to_its_end(self, document_id: str) -> dict[str, Any]:
        """Return the document once its newest version was read or has failed."""
        async with asyncio.timeout(30):
            while True:
                document: dict[str, Any] = await self.get(f"/knowledge/documents/{document_id}")
                if document["status"] in ("ready", "failed"):
                    return document
                await asyncio.sleep(0.01)  # nothing else tells: another process may be reading it

    async def texts_about(self, query: str, **options: object) -> list[str]:
        """Return the texts of the passages that a search finds."""
        answer = await self.post("/knowledge/search", {"query": query, **options})
        return [passage["text"] for passage in answer["passages"]]

    async def ask(self, message: str, session_id: str | None = None) -> Any:
        return await self.post("/chat", {"message": message, "session_id": session_id})


@dataclass(frozen=True)
class Platform:
    """A running platform."""

    app: FastAPI
    client: httpx.AsyncClient

    async def sign_up(self, name: str = "admin") -> Person:
        """Register somebody and sign them in; the first one is the administrator."""
        email = f"{name.lower()}@example.com"
        account = {"email": email, "password": PASSWORD, "name": name}
        user = _success(await self.client.post("/api/v1/auth/register", json=account))
        return Person(self, email, await self.sign_in(email), user)

    async def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        credentials = {"email": email, "password": password}
        tokens: dict[str, Any] = _success(await self.client.post("/api/v1/auth/login", json=credentials))
        return tokens

    async def delivered(self, subscription: str) -> None:
        """Wait until the subscription has taken in every event there is."""
        await self.app.state.subscriptions.wait_until_current(subscription)


@asynccontextmanager
async def platform_on(settings: Settings, **ports: object) -> AsyncIterator[Platform]:
    """Start a platform with these settings and adapters, and stop it."""
    app = create_app(settings, **ports)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://platform") as client:
            yield Platform(app, client)


def problem_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code of a problem document, having checked its form."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["status"] == response.status_code
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return response.status_code, problem["code"]


def samples_of(exposition: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the samples of a name that `/metrics` told, by their labels."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == name
    }


def stored_files(settings: Settings) -> set[str]:
    """Return the names of the uploaded files that are kept."""
    return {path.name for path in (settings.data_dir / "uploads").iterdir()}


def _success(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.status_code}: {response.text}"
    return response.json() if response.content else None


UNKNOWN_ID = str(UUID(int=0))
