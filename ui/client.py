"""The one way from the page to the platform: a thin, typed client of its HTTP API."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx

from ui.models import (
    Budget,
    Collection,
    Dashboard,
    Document,
    Feedback,
    Group,
    Hit,
    Limits,
    Listing,
    Message,
    Model,
    Passage,
    Profile,
    Provider,
    Session,
    SharedSession,
    Standing,
    StreamEvent,
    Upload,
    User,
)
from ui.wire import PAGE_SIZE, ApiError, Wire

UPLOAD_TIMEOUT = httpx.Timeout(120, connect=5)


class Client(Wire):
    """The API as one person sees it."""

    # Accounts

    def register(self, email: str, password: str, name: str, language: str) -> User:
        """Sign up; the account is not active while its address has to be confirmed."""
        body = {"email": email, "password": password, "name": name, "language": language}
        user: User = self._call("POST", "/auth/register", json=body)
        return user

    def confirm(self, token: str, password: str) -> None:
        self._call("POST", "/auth/register/confirm", json={"token": token, "password": password})

    def accept_invitation(self, token: str, name: str, password: str, language: str) -> None:
        body = {"token": token, "name": name, "password": password, "language": language}
        self._call("POST", "/auth/invitations/accept", json=body)

    def ask_reset(self, email: str) -> None:
        self._call("POST", "/auth/password-reset", json={"email": email})

    def reset_password(self, token: str, password: str) -> None:
        self._call("POST", "/auth/password-reset/confirm", json={"token": token, "new_password": password})

    def sign_in(self, email: str, password: str) -> None:
        self._tokens = self._call("POST", "/auth/login", json={"email": email, "password": password})

    def sign_in_by_code(self, challenge: str, code: str) -> None:
        body = {"challenge": challenge, "code": code}
        self._tokens = self._call("POST", "/auth/login/second-factor", json=body)

    def providers(self) -> list[Provider]:
        providers: list[Provider] = self._call("GET", "/auth/oidc/providers")["items"]
        return providers

    def sign_in_by_ticket(self, ticket: str) -> None:
        self._tokens = self._call("POST", "/auth/oidc/redeem", json={"ticket": ticket})

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

    def attach(self, session_id: str, name: str, content: bytes) -> Upload:
        """Put a file into one's session; it is searched only there."""
        path = f"/knowledge/sessions/{session_id}/documents"
        upload: Upload = self._call("POST", path, files={"file": (name, content)}, timeout=UPLOAD_TIMEOUT)
        return upload

    def attached(self, session_id: str, most: int = PAGE_SIZE) -> list[Document]:
        return self._list(f"/knowledge/sessions/{session_id}/documents", most).items

    # Sessions

    def sessions(self, most: int = PAGE_SIZE, **wanted: bool) -> Listing[Session]:
        """Return one's sessions, last used first: with `pinned` only those or only others; or the `deleted`."""
        return self._list("/chat/sessions", most, **wanted)

    def session(self, session_id: str) -> Session:
        session: Session = self._call("GET", f"/chat/sessions/{session_id}")
        return session

    def create_session(self, **choices: Any) -> Session:
        session: Session = self._call("POST", "/chat/sessions", json=choices)
        return session

    def change_session(self, session_id: str, **changes: Any) -> None:
        self._call("PATCH", f"/chat/sessions/{session_id}", json=changes)

    def delete_session(self, session_id: str) -> None:
        """Put a session into the trash; erase one that lies there."""
        self._call("DELETE", f"/chat/sessions/{session_id}")

    def restore_session(self, session_id: str) -> None:
        self._call("POST", f"/chat/sessions/{session_id}/restore")

    def switch_branch(self, session_id: str, message_id: str) -> None:
        self._call("PUT", f"/chat/sessions/{session_id}/branch", json={"message_id": message_id})

    def export(self, session_id: str) -> str:
        """Return the session as Markdown."""
        return self._response("GET", f"/chat/sessions/{session_id}/export").text

    def share(self, session_id: str) -> str:
        """Share the session as it is now; return the token of its link."""
        token: str = self._call("POST", f"/chat/sessions/{session_id}/share")["token"]
        return token

    def share_of(self, session_id: str) -> str | None:
        """Return the token of the session's link, if it is shared."""
        try:
            token: str = self._call("GET", f"/chat/sessions/{session_id}/share")["token"]
        except ApiError as error:
            if error.code == "not_shared":
                return None
            raise
        return token

    def revoke_share(self, session_id: str) -> None:
        self._call("DELETE", f"/chat/sessions/{session_id}/share")

    def shared(self, token: str) -> SharedSession:
        """Return a session that a colleague shares, with all its messages."""
        shared: SharedSession = self._call("GET", f"/chat/shared/{token}", params={"limit": PAGE_SIZE})
        page = shared
        while page["next_cursor"]:
            params = {"limit": PAGE_SIZE, "cursor": page["next_cursor"]}
            page = self._call("GET", f"/chat/shared/{token}", params=params)
            shared["messages"] += page["messages"]
        return shared

    def models(self) -> list[Model]:
        models: list[Model] = self._call("GET", "/chat/models")["items"]
        return models

    def profiles(self, most: int = 1000) -> list[Profile]:
        return self._list("/chat/profiles", most).items

    # Messages

    def messages(self, session_id: str, most: int = 5000) -> list[Message]:
        return self._list(f"/chat/sessions/{session_id}/messages", most).items

    def find_messages(self, query: str, most: int = 20) -> list[Hit]:
        return self._list("/chat/search", most, q=query).items

    def ask(self, session_id: str, content: str) -> Iterator[StreamEvent]:
        """Ask, and yield the events of the answer as they come, up to `end`."""
        return self._begin(f"/chat/sessions/{session_id}/messages", content=content)

    def edit(self, message_id: str, content: str) -> Iterator[StreamEvent]:
        """Ask something else in the place of a question, and yield the events of the answer."""
        return self._begin(f"/chat/messages/{message_id}/edit", content=content)

    def regenerate(self, message_id: str) -> Iterator[StreamEvent]:
        """Let a question be answered again, and yield the events of the answer."""
        return self._begin(f"/chat/messages/{message_id}/regenerate")

    def follow(self, message_id: str) -> Iterator[StreamEvent]:
        """Yield the events of an answer that is being written, from its first word."""
        return self._answer("GET", f"/chat/messages/{message_id}/stream", headers={"Last-Event-ID": "0"})

    def stop(self, message_id: str) -> None:
        self._call("POST", f"/chat/messages/{message_id}/stop")

    def rate(self, message_id: str, feedback: Feedback) -> None:
        self._call("PUT", f"/chat/messages/{message_id}/feedback", json=feedback)

    def withdraw_rating(self, message_id: str) -> None:
        self._call("DELETE", f"/chat/messages/{message_id}/feedback")

    def _begin(self, path: str, **body: Any) -> Iterator[StreamEvent]:
        """Set off an answer. However often its connection breaks, the key keeps it from being asked twice."""
        headers = {"Idempotency-Key": str(uuid4())}
        return self._answer("POST", path, json={**body, "stream": True}, headers=headers)

    # Budgets

    def own_standings(self) -> list[Standing]:
        """Return how the person stands with every budget that applies to them."""
        standings: list[Standing] = self._call("GET", "/chat/budgets/mine")["items"]
        return standings

    def budgets(self, most: int = PAGE_SIZE) -> Listing[Budget]:
        return self._list("/chat/budgets", most)

    def set_budget(self, holder: str, **limits: Limits) -> None:
        """Set the budget of `default`, `platform`, `users/<id>` or `groups/<id>`, by day and by month."""
        self._call("PUT", f"/chat/budgets/{holder}", json=limits)

    def delete_budget(self, holder: str) -> None:
        self._call("DELETE", f"/chat/budgets/{holder}")

    # Analytics

    def dashboard(self, start: datetime, end: datetime, group_id: str | None = None) -> Dashboard:
        params = {"from": start.isoformat(), "to": end.isoformat()}
        if group_id:
            params["group_id"] = group_id
        dashboard: Dashboard = self._call("GET", "/analytics/dashboard", params=params)
        return dashboard
