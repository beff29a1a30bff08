"""One person's calls of the HTTP API: the sign-in is kept alive, and all that can go wrong is one error."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from httpx_sse import EventSource, connect_sse

from ui.models import Listing, StreamEvent, Tokens

TIMEOUT = httpx.Timeout(30, connect=5)
STREAM_TIMEOUT = httpx.Timeout(60, connect=5)  # the server sends a heartbeat every 15 seconds
PAGE = "genai-chatbot-page"
"""What the audit log knows the page by."""
PAGE_SIZE = 100
PAUSES: Final = (1, 1, 2, 4, 8)
"""Seconds before each try to come back to a stream that gave nothing more; long enough for a server's restart."""
PASSING: Final = {0, 502, 503, 504}


class ApiError(Exception):
    """What the API refused or could not do; status 0 means that no answer came at all."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        request_id: str = "",
        challenge: str = "",
    ) -> None:
        super().__init__(f"{status} {code}: {detail or title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.challenge = challenge
        """What a sign-in is finished with that takes a second factor."""


def connect(api_url: str, transport: httpx.BaseTransport | None = None, page_key: str = "") -> httpx.Client:
    """Open the connection pool that all clients of a process share. No proxy stands before the API.

    `page_key` has a server that serves the page itself believe what the page says of people's addresses.
    """
    return httpx.Client(
        base_url=f"{api_url.rstrip('/')}/api/v1",
        headers={"User-Agent": PAGE, "X-Page-Key": page_key},
        timeout=TIMEOUT,
        transport=transport,
        trust_env=False,
    )


class Wire:
    """Calls as one person; keeps the tokens of that person's sign-in and renews them."""

    def __init__(self, http: httpx.Client, address: str | None = None) -> None:
        self._http = http
        self._address = address
        self._tokens: Tokens | None = None
        self._renewing = threading.Lock()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._response(method, path, **options)
        return _body(response) if response.content else None

    def _list(self, path: str, most: int, **params: Any) -> Listing[Any]:
        items: list[Any] = []
        params["limit"] = min(most, PAGE_SIZE)
        while True:
            page = self._call("GET", path, params=params)
            items += page["items"]
            params["cursor"] = page["next_cursor"]
            if not page["next_cursor"] or len(items) >= most:
                return Listing(items, more=bool(page["next_cursor"]))

    def _response(self, method: str, path: str, **options: Any) -> httpx.Response:
        tokens = self._tokens
        response = self._send(method, path, tokens, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._renew(tokens):
            response = self._send(method, path, self._tokens, **options)
        if response.is_error:
            raise _refusal(response)
        return response

    def _answer(self, method: str, path: str, **options: Any) -> Iterator[StreamEvent]:
        """Yield the events of an answer up to its `end`; a stream that breaks is gone on with where it broke."""
        offset, pauses = 0, iter(PAUSES)
        while True:
            try:
                for event in self._stream(method, path, **options):
                    if event.name == "message":
                        method, path = "GET", f"/chat/messages/{event.data['message_id']}/stream"
                    elif event.offset != offset:
                        offset, pauses = event.offset, iter(PAUSES)
                    options = {"headers": {"Last-Event-ID": str(offset)}}
                    yield event
                    if event.name == "end":
                        return
            except ApiError as error:
                pause = next(pauses, None) if error.status in PASSING else None
                if pause is None:
                    raise
                time.sleep(pause)

    def _stream(
        self, method: str, path: str, headers: dict[str, str], **options: Any
    ) -> Iterator[StreamEvent]:
        """Yield the events of one connection; raise when it ends."""
        for last_try in (False, True):
            tokens = self._tokens
            options |= {"headers": headers | self._headers(tokens), "timeout": STREAM_TIMEOUT}
            with _connection(), connect_sse(self._http, method, path, **options) as source:
                refused = source.response.status_code == httpx.codes.UNAUTHORIZED
                if refused and not last_try and self._renew(tokens):
                    continue
                if source.response.is_error:
                    source.response.read()
                    raise _refusal(source.response)
                yield from _events(source)
                return

    def _send(self, method: str, path: str, tokens: Tokens | None, **options: Any) -> httpx.Response:
        with _connection():
            return self._http.request(method, path, headers=self._headers(tokens), **options)

    def _renew(self, refused: Tokens | None) -> bool:
        """Trade the refresh token for new tokens, once for all threads; a refused one ends the sign-in."""
        with self._renewing:
            if self._tokens is refused and refused:
                body = {"refresh_token": refused["refresh_token"]}
                response = self._send("POST", "/auth/refresh", refused, json=body)
                if response.is_server_error:
                    raise _refusal(response)
                self._tokens = _body(response) if response.is_success else None
            return self._tokens is not None

    def _headers(self, tokens: Tokens | None) -> dict[str, str]:
        """Say who asks, and from where: all people of the page come from one address otherwise."""
        headers = {"X-Forwarded-For": self._address} if self._address else {}
        if tokens:
            headers["Authorization"] = f"Bearer {tokens['access_token']}"
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
        problem.get("challenge", ""),
    )


def _events(source: EventSource) -> Iterator[StreamEvent]:
    for event in source.iter_sse():
        if event.data:  # what has none is a heartbeat, or tells when to come back
            yield StreamEvent(event.event, event.json(), int(event.id or 0))
    request_id = source.response.headers.get("X-Request-ID", "")
    raise ApiError(0, "broken_off", "The answer broke off.", request_id=request_id)
