"""The one way from the page to the platform: a thin, typed client of its HTTP API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
from httpx_sse import EventSource, connect_sse

from ui.models import (
    Collection,
    Dashboard,
    Document,
    Group,
    Listing,
    Message,
    Passage,
    Rating,
    Session,
    StreamEvent,
    Tokens,
    User,
)

TIMEOUT = httpx.Timeout(30, connect=5)
STREAM_TIMEOUT = httpx.Timeout(60, connect=5)  # the server sends a heartbeat every 15 seconds
UPLOAD_TIMEOUT = httpx.Timeout(120, connect=5)
PAGE_SIZE = 100


class ApiError(Exception):
    """What the API refused or could not do; status 0 means that no answer came at all."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", request_id: str = "") -> None:
        super().__init__(f"{status} {code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id


def connect(api_url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Open the connection pool that all clients of a process share. No proxy stands before the API."""
    return httpx.Client(
        base_url=f"{api_url.rstrip('/')}/api/v1", timeout=TIMEOUT, transport=transport, trust_env=False
    )


class Client:
    """The API as one person sees it; keeps the tokens of that person's sign-in and renews them."""

    def __init__(self, http: httpx.Client, address: str | None = None) -> None:
        self._http = http
        self._address = address
        self._tokens: Tokens | None = None

    # Accounts

    def register(self, email: str, password: str, name: str) -> None:
        self._call("POST", "/auth/register", json={"email": email, "password": password, "name": name})

    def sign_in(self, email: str, password: str) -> None:
        self._tokens = self._call("POST", "/auth/login", json={"email": email, "password": password})

    def sign_out(self) -> None:
        tokens, self._tokens = self._tokens, None
        if tokens:
            self._call("POST", "/auth/logout", json={"refresh_token": tokens["refresh_token"]})

    def me(self) -> User:
        user: User = self._call("GET", "/auth/me")
        return user

    def users(self, most: int = PAGE_SIZE) -> Listing[User]:
        return self._list("/auth/users", most)

    def change_user(self, user_id: str, **changes: Any) -> None:
        self._call("PATCH", f"/auth/users/{user_id}", json=changes)

    def groups(self, most: int = 1000) -> Listing[Group]:
        return self._list("/auth/groups", most)

    def create_group(self, name: str) -> None:
        self._call("POST", "/auth/groups", json={"name": name})

    def delete_group(self, group_id: str) -> None:
        self._call("DELETE", f"/auth/groups/{group_id}")

    # Knowledge

    def collections(self, most: int = PAGE_SIZE) -> Listing[Collection]:
        return self._list("/knowledge/collections", most)

    def create_collection(self, name: str, description: str, group_ids: list[str]) -> Collection:
        body = {"name": name, "description": description, "group_ids": group_ids}
        collection: Collection = self._call("POST", "/knowledge/collections", json=body)
        return collection

    def delete_collection(self, collection_id: str) -> None:
        self._call("DELETE", f"/knowledge/collections/{collection_id}")

    def documents(self, collection_id: str, most: int = PAGE_SIZE) -> Listing[Document]:
        return self._list(f"/knowledge/collections/{collection_id}/documents", most)

    def upload(self, collection_id: str, name: str, content: bytes) -> None:
        path = f"/knowledge/collections/{collection_id}/documents"
        self._call("POST", path, files={"file": (name, content)}, timeout=UPLOAD_TIMEOUT)

    def take_in_url(self, collection_id: str, url: str) -> None:
        path = f"/knowledge/collections/{collection_id}/urls"
        self._call("POST", path, json={"url": url}, timeout=UPLOAD_TIMEOUT)

    def retry_document(self, document_id: str) -> None:
        self._call("POST", f"/knowledge/documents/{document_id}/retry")

    def delete_document(self, document_id: str) -> None:
        self._call("DELETE", f"/knowledge/documents/{document_id}")

    def search(self, query: str, collection_ids: list[str] | None = None) -> list[Passage]:
        body: dict[str, Any] = {"query": query}
        if collection_ids:
            body["collection_ids"] = collection_ids
        passages: list[Passage] = self._call("POST", "/knowledge/search", json=body)["passages"]
        return passages

    # Chat

    def sessions(self, most: int = PAGE_SIZE) -> Listing[Session]:
        return self._list("/chat/sessions", most)

    def create_session(self) -> Session:
        session: Session = self._call("POST", "/chat/sessions", json={})
        return session

    def delete_session(self, session_id: str) -> None:
        self._call("DELETE", f"/chat/sessions/{session_id}")

    def messages(self, session_id: str, most: int = 5000) -> list[Message]:
        return self._list(f"/chat/sessions/{session_id}/messages", most).items

    def stream(self, session_id: str, content: str) -> Iterator[StreamEvent]:
        """Send a message and yield the events of its answer; an `error` event is raised as ApiError."""
        path = f"/chat/sessions/{session_id}/messages"
        body: dict[str, Any] = {"content": content, "stream": True}
        for last_try in (False, True):
            options = {"json": body, "headers": self._headers(), "timeout": STREAM_TIMEOUT}
            with _connection(), connect_sse(self._http, "POST", path, **options) as source:
                if source.response.status_code == httpx.codes.UNAUTHORIZED and not last_try and self._renew():
                    continue
                if source.response.is_error:
                    source.response.read()
                    raise _refusal(source.response)
                yield from _events(source)
                return

    def rate(self, message_id: str, rating: Rating) -> None:
        body: dict[str, Any] = {"rating": rating, "reasons": [], "comment": ""}
        self._call("PUT", f"/chat/messages/{message_id}/feedback", json=body)

    # Analytics

    def dashboard(self, start: datetime, end: datetime, group_id: str | None = None) -> Dashboard:
        params = {"from": start.isoformat(), "to": end.isoformat()}
        if group_id:
            params["group_id"] = group_id
        dashboard: Dashboard = self._call("GET", "/analytics/dashboard", params=params)
        return dashboard

    # The wire

    def _list(self, path: str, most: int) -> Listing[Any]:
        items: list[Any] = []
        params: dict[str, Any] = {"limit": min(most, PAGE_SIZE)}
        while True:
            page = self._call("GET", path, params=params)
            items += page["items"]
            params["cursor"] = page["next_cursor"]
            if not page["next_cursor"] or len(items) >= most:
                return Listing(items, more=bool(page["next_cursor"]))

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, path, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._renew():
            response = self._send(method, path, **options)
        if response.is_error:
            raise _refusal(response)
        return _body(response) if response.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _connection():
            return self._http.request(method, path, headers=self._headers(), **options)

    def _renew(self) -> bool:
        """Trade the refresh token for new tokens; a refused one ends the sign-in."""
        if not self._tokens:
            return False
        response = self._send("POST", "/auth/refresh", json={"refresh_token": self._tokens["refresh_token"]})
        if response.is_server_error:
            raise _refusal(response)
        self._tokens = _body(response) if response.is_success else None
        return self._tokens is not None

    def _headers(self) -> dict[str, str]:
        """Say who asks, and from where: all people of the page come from one address otherwise."""
        headers = {"X-Forwarded-For": self._address} if self._address else {}
        if self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens['access_token']}"
        return headers


@contextmanager
def _connection() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise ApiError(0, "timeout", "The server did not answer in time.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ApiError(0, "unreachable", "The server could not be reached.", str(error)) from error


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        request_id = response.headers.get("X-Request-ID", "")
        raise ApiError(0, "not_the_api", "What answered is not the API.", request_id=request_id) from error


def _refusal(response: httpx.Response) -> ApiError:
    problem = _body(response) if "json" in response.headers.get("Content-Type", "") else {}
    return ApiError(
        response.status_code,
        problem.get("code", "unknown"),
        problem.get("title") or response.reason_phrase,
        problem.get("detail", ""),
        problem.get("request_id") or response.headers.get("X-Request-ID", ""),
    )


def _events(source: EventSource) -> Iterator[StreamEvent]:
    request_id = source.response.headers.get("X-Request-ID", "")
    for event in source.iter_sse():
        data = event.json()
        if event.event == "error":
            raise ApiError(500, data["code"], "The answer failed.", data.get("detail", ""), request_id)
        yield StreamEvent(event.event, data)
        if event.event == "end":
            return
    raise ApiError(0, "interrupted", "The answer broke off.", request_id=request_id)
