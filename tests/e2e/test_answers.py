"""Answers belong to the platform: servers are killed and stopped, readers leave, and nothing of an answer is lost.

Real server processes ask a stand-in for an OpenAI-compatible server, which waits where a test wants it to.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import Server, StartServer
from tests.e2e.readers import Reader
from tests.e2e.upstreams import models_at
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, said
from tests.standins.serving import serving

PIECES = ("One", " two", " three", " four", " five.")
HALF, MORE, ALL = "One two", "One two three four", "One two three four five."
WAITING = Script(said(*PIECES), hold_after=[3, 5])
"""Waits when a half is said, and once more before the last word."""
LONGEST = 20
"""Seconds that something may take that has to happen at all."""


@pytest.fixture
def upstream() -> ChatCompletionsStandIn:
    return ChatCompletionsStandIn(usual=WAITING)


@pytest.fixture
def start_server(start_server: StartServer, upstream: ChatCompletionsStandIn) -> Iterator[StartServer]:
    with serving(upstream.door) as url:
        yield partial(start_server, **models_at(one=url), CHAT__LEASE_SECONDS="3")


def signed_in(server: Server) -> Caller:
    caller = Caller(server.url)
    caller.sign_in()
    return caller


def a_half_read_answer(caller: Caller) -> Reader:
    """Ask, and read as far as the upstream goes before it waits for the first time."""
    reader = Reader(caller)
    reader.ask("Count to five.")
    reader.read_to(HALF)
    return reader


def saved_half(reader: Reader) -> bool:
    return bool(eventually(reader.message, lambda message: message["content"] == HALF)["content"] == HALF)


def check_interrupted(reader: Reader, shown: str) -> None:
    """Fail unless the reader, who had `shown`, has now what was saved of an interrupted answer, and knows it."""
    message = reader.message()
    assert (message["status"], message["error_code"]) == ("interrupted", "interrupted")
    assert message["content"].startswith(HALF)
    assert shown.startswith(message["content"])
    assert reader.text == message["content"]
    assert ("reset" in reader.names) == (len(message["content"]) < len(shown))
    assert reader.names[-2:] == ["error", "end"]
    assert reader.names.count("end") == 1
    assert reader.events[-2].data["code"] == "interrupted"
    assert reader.events[-1].data == {"status": "interrupted"}


def test_a_killed_server_leaves_what_was_saved_and_readers_are_told(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """What was shown but not saved is taken back; the session goes on."""
    server = start_server(CHAT__SAVE_SECONDS="1")
    caller = signed_in(server)
    reader = a_half_read_answer(caller)
    assert saved_half(reader)
    upstream.release()
    reader.read_to(MORE)
    server.kill()
    with pytest.raises(httpx.TransportError):
        reader.read_on()
    assert "end" not in reader.names
    server.start()
    reader.come_back()
    reader.read_on()
    check_interrupted(reader, MORE)
    upstream.usual = Script()
    answer = caller.post("/chat", {"message": "Go on.", "session_id": reader.session_id})
    assert (answer["status"], answer["answer"]) == ("completed", "Hello there.")
    failed = lambda: caller.get("/analytics/dashboard")["totals"]["failed"]  # noqa: E731
    assert eventually(failed, lambda count: count == 1) == 1


@pytest.mark.only("postgresql")
def test_answers_of_a_killed_server_alone_are_closed(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """Its readers go on at the other server, whose own answer is not touched."""
    one, two = start_server(), start_server()
    caller = signed_in(one)
    there = caller.at(two.url)
    reader = a_half_read_answer(caller)
    other = a_half_read_answer(there)
    assert saved_half(reader)
    one.kill()
    with pytest.raises(httpx.TransportError):
        reader.read_on()
    reader.come_back(there)
    reader.read_on()
    check_interrupted(reader, HALF)
    assert other.message()["status"] == "pending"
    for _ in WAITING.hold_after:
        upstream.release()
        other.read_to(MORE if other.text == HALF else ALL)
    other.read_on()
    assert other.events[-1].data == {"status": "completed"}
    assert other.message()["content"] == ALL


@pytest.mark.only("postgresql")
def test_a_reader_of_one_server_goes_on_at_another(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """With nothing missing, nothing repeated, and one end, while the answer is being written."""
    one, two = start_server(), start_server()
    caller = signed_in(one)
    reader = a_half_read_answer(caller)
    reader.come_back(caller.at(two.url))
    upstream.release()
    reader.read_to(MORE)
    reader.come_back(caller)
    upstream.release()
    reader.read_to(ALL)
    reader.come_back(caller.at(two.url))
    reader.read_on()
    assert (reader.text, reader.names[-1], reader.names.count("end")) == (ALL, "end", 1)


@pytest.mark.only("sqlite")
def test_a_stopped_server_sends_readers_away_and_finishes_what_it_writes(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """Streams end at once, without an end of the answer; a caller who waits for all of it gets it."""
    server = start_server(CHAT__STOP_GRACE_SECONDS=str(LONGEST))
    caller = signed_in(server)
    reader = a_half_read_answer(caller)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(caller.post, "/chat", {"message": "Count to five."})
        assert all(upstream.held.acquire(timeout=LONGEST) for _ in range(2))
        server.terminate()
        reader.read_on()
        assert (reader.text, reader.retry_ms, "end" in reader.names) == (HALF, "1000", False)
        while not waiting.done():
            upstream.release()
            upstream.held.acquire(timeout=0.1)
        assert waiting.result()["answer"] == ALL
    server.wait_until_ended()
    server.start()
    reader.come_back()
    reader.read_on()
    assert (reader.text, reader.events[-1].data) == (ALL, {"status": "completed"})
    assert reader.names.count("end") == 1
    assert "reset" not in reader.names


@pytest.mark.only("sqlite")
def test_what_a_stopped_server_cannot_finish_is_saved_as_it_is(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """Callers are told so, the upstream calls end, and so does the process."""
    server = start_server(CHAT__STOP_GRACE_SECONDS="0.5")
    caller = signed_in(server)
    reader = a_half_read_answer(caller)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(caller.answer, "/chat", {"message": "Count to five."})
        assert all(upstream.held.acquire(timeout=LONGEST) for _ in range(2))
        server.terminate()
        answer = waiting.result(timeout=LONGEST)
    assert (answer.status_code, answer.json()["code"]) == (503, "interrupted")
    reader.read_on()
    assert "end" not in reader.names
    assert all(upstream.hung_up.acquire(timeout=LONGEST) for _ in range(2))
    server.wait_until_ended()
    server.start()
    reader.come_back()
    reader.read_on()
    check_interrupted(reader, HALF)


@pytest.mark.only("postgresql")
def test_a_stopped_server_lets_go_of_those_who_wait_for_answers_of_another(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """A reader is sent away, and a caller with the same Idempotency-Key is told after the grace."""
    one, two = start_server(), start_server(CHAT__STOP_GRACE_SECONDS="0.5")
    caller, key = signed_in(one), {"Idempotency-Key": "a key"}
    there = caller.at(two.url)
    with ThreadPoolExecutor() as threads:
        ask = {"message": "Count to five."}
        first = threads.submit(caller.answer, "/chat", ask, headers=key)
        assert upstream.held.acquire(timeout=LONGEST)
        second = threads.submit(there.answer, "/chat", ask, headers=key)
        reader = a_half_read_answer(caller)
        reader.come_back(there)
        two.terminate()
        reader.read_on()
        assert "end" not in reader.names
        refused = second.result(timeout=LONGEST)
        assert (refused.status_code, refused.json()["code"]) == (503, "interrupted")
        two.wait_until_ended()
        reader.come_back(caller)
        while not first.done() or reader.message()["status"] == "pending":
            upstream.release()
            upstream.held.acquire(timeout=0.1)
    assert first.result().json()["answer"] == ALL
    reader.read_on()
    assert (reader.text, reader.names.count("end")) == (ALL, 1)


@pytest.mark.only("sqlite")
def test_a_client_that_goes_away_changes_nothing(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """The answer is written to its end; a stop, on the other hand, ends the call of the model."""
    server = start_server()
    caller = signed_in(server)
    reader = a_half_read_answer(caller)
    reader.leave()
    upstream.held.acquire(timeout=LONGEST)
    stopped = a_half_read_answer(caller)  # by now the server knows that the first one is gone
    assert not upstream.hung_up.acquire(blocking=False)
    answer = caller.post(f"/chat/messages/{stopped.message_id}/stop")
    assert (answer["status"], answer["answer"], answer["model"]) == ("stopped", HALF, "one")
    assert upstream.hung_up.acquire(timeout=LONGEST)
    stopped.read_on()
    assert stopped.events[-1].data == {"status": "stopped"}
    while reader.message()["status"] == "pending":
        upstream.release()
        upstream.held.acquire(timeout=0.1)
    assert (reader.message()["status"], reader.message()["content"]) == ("completed", ALL)
    assert not upstream.hung_up.acquire(blocking=False)
