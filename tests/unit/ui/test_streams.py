"""An answer reaches the page whole, whatever breaks the connection that it comes over."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.ui.fake_api import TOKENS, FakeApi, answer, events, problem
from tests.unit.ui.parts import MESSAGES
from ui import wire
from ui.client import Client
from ui.models import StreamEvent
from ui.wire import ApiError, connect

IDS = {"session_id": "s1", "message_id": "m1", "user_message_id": "u1"}
STREAM = "/chat/messages/m1/stream"
END = ("end", {"status": "completed"})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client comes back at once."""
    monkeypatch.setattr(wire, "PAUSES", (0, 0, 0))


def _text(stream: Iterator[StreamEvent]) -> str:
    text = ""
    for event in stream:
        if event.name in ("delta", "reset"):
            text = event.data["text"] if event.name == "reset" else text + event.data["text"]
    return text


def test_an_answer_is_streamed(api: FakeApi) -> None:
    """Events come as they are sent; heartbeats, and when to come back, do not."""
    api.on("POST", MESSAGES, answer(("delta", {"text": "Hi"})))
    assert [event.name for event in api.client().ask("s1", "Hello")] == ["message", "delta", "end"]
    assert api.sent("POST", MESSAGES) == [{"content": "Hello", "stream": True}]


def test_a_stream_renews_the_token_too(api: FakeApi) -> None:
    """A question asked with an expired token is answered all the same."""
    api.on("POST", MESSAGES, problem(401, "invalid_token"), answer())
    api.on("POST", "/auth/refresh", TOKENS)
    client = api.client()
    client.sign_in("kim@example.com", "correct horse")
    assert [event.name for event in client.ask("s1", "Hello")] == ["message", "end"]


@pytest.mark.parametrize("status", [403, 409, 413, 422, 429, 500])
def test_a_refused_message_is_an_error_at_once(api: FakeApi, status: int) -> None:
    """A refusal before the stream begins keeps its code, and the question is not asked again."""
    api.on("POST", MESSAGES, problem(status, "refused"))
    with pytest.raises(ApiError, match="refused"):
        list(api.client().ask("s1", " "))
    assert len(api.sent("POST", MESSAGES)) == 1


def test_an_answer_that_fails_ends_too(api: FakeApi) -> None:
    """An error is an event like any other: what came before it stays, and the end comes after it."""
    failed = ("error", {"code": "model_failed", "detail": "Sorry."})
    api.on("POST", MESSAGES, answer(("delta", {"text": "Hi"}), failed))
    assert [event.name for event in api.client().ask("s1", "Hello")][-3:] == ["delta", "error", "end"]


def test_a_broken_stream_is_gone_on_with_where_it_broke(api: FakeApi) -> None:
    """The rest is asked for after the characters that came; the question is asked once."""
    api.on("POST", MESSAGES, events(("message", IDS), ("delta", {"text": "15 "})))
    api.on("GET", STREAM, events(("message", IDS), ("delta", {"text": "days"}), END, offset=3))
    assert _text(api.client().ask("s1", "How many?")) == "15 days"
    assert api.requests[-1].headers["Last-Event-ID"] == "3"
    assert len(api.sent("POST", MESSAGES)) == 1


@pytest.mark.parametrize("failure", [httpx.ReadError("cut"), httpx.ReadTimeout("silent")])
def test_a_question_whose_connection_was_lost_is_not_asked_twice(failure: httpx.HTTPError) -> None:
    """It is sent again under the same key, by which the server knows it."""
    keys = []

    def serve(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise failure
        stream = answer(("delta", {"text": "Hi"}))
        return httpx.Response(200, text=stream, headers={"Content-Type": "text/event-stream"})

    client = Client(connect("http://api.test", httpx.MockTransport(serve)))
    assert _text(client.ask("s1", "Hello")) == "Hi"
    assert _text(client.ask("s1", "Hello")) == "Hi"
    assert keys[0] == keys[1] != keys[2]


def test_a_server_that_starts_again_is_waited_for(api: FakeApi) -> None:
    """While it does not serve yet, the client comes back."""
    api.on("POST", MESSAGES, problem(503, "stopping"), events(("message", IDS)))
    api.on("GET", STREAM, problem(502, "bad_gateway"), answer(("reset", {"text": "15"})))
    assert _text(api.client().ask("s1", "How many?")) == "15"


def test_a_stream_that_gives_nothing_more_is_given_up(api: FakeApi) -> None:
    """After some tries without news the error is told; news makes the tries begin anew."""
    api.on("POST", MESSAGES, events(("message", IDS), ("delta", {"text": "a"})))
    api.on(
        "GET",
        STREAM,
        events(("message", IDS), offset=1),
        events(("message", IDS), offset=1),
        events(("message", IDS), ("delta", {"text": "b"}), offset=1),
        events(("message", IDS), offset=2),
    )
    with pytest.raises(ApiError, match="broken_off"):
        list(api.client().ask("s1", "Hello"))
    assert len(api.sent("GET", STREAM)) == 3 + 3


def test_an_answer_is_followed_from_its_beginning(api: FakeApi) -> None:
    """Also one that has ended since is told whole."""
    api.on("GET", STREAM, events(("message", IDS), ("delta", {"text": "Hi"}), END))
    assert _text(api.client().follow("m1")) == "Hi"
    assert api.requests[-1].headers["Last-Event-ID"] == "0"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(min_size=1, max_size=30),
    lives=st.lists(st.integers(1, 8), min_size=1, max_size=8),
)
def test_nothing_is_missed_and_nothing_repeated(text: str, lives: list[int]) -> None:
    """Wherever connections break, what the page received is the answer, to the letter."""
    lifetimes = itertools.chain(lives, itertools.repeat(len(text) + 1))

    def serve(request: httpx.Request) -> httpx.Response:
        sent = int(request.headers.get("Last-Event-ID", 0))
        until = sent + next(lifetimes)
        pieces: list[tuple[str, Any]] = [("delta", {"text": letter}) for letter in text[sent:until]]
        ended = [END] if until > len(text) else []
        stream = events(("message", IDS), *pieces, *ended, offset=sent)
        return httpx.Response(200, text=stream, headers={"Content-Type": "text/event-stream"})

    client = Client(connect("http://api.test", httpx.MockTransport(serve)))
    received = list(client.ask("s1", json.dumps(text)))
    assert _text(iter(received)) == text
    assert [event.name for event in received].count("end") == 1
