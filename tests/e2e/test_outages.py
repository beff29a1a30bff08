"""One model is down: the others answer as ever, it is left alone for a while, and nothing is lost."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import StartServer, free_port
from tests.e2e.readers import Reader
from tests.e2e.upstreams import models_at
from tests.standins.chat_completions import ChatCompletionsStandIn
from tests.standins.serving import serving

LONGEST = 20
"""Seconds that something may take that has to happen at all."""
HELLO = "Hello there."


@pytest.fixture
def well() -> Iterator[tuple[ChatCompletionsStandIn, str]]:
    standin = ChatCompletionsStandIn()
    with serving(standin.door) as url:
        yield standin, url


@pytest.fixture
def ill() -> Iterator[tuple[ChatCompletionsStandIn, str]]:
    standin = ChatCompletionsStandIn()
    with serving(standin.door) as url:
        yield standin, url


Upstream = tuple[ChatCompletionsStandIn, str]


def asked(caller: Caller, model: str) -> httpx.Response:
    return caller.answer("/chat", {"message": "Hello?", "model": model})


@pytest.mark.only("sqlite")
def test_a_model_that_hangs_holds_up_its_own_answers_alone(
    start_server: StartServer, well: Upstream, ill: Upstream
) -> None:
    """The others are complete while its own wait; these can be stopped, and the sessions are well."""
    server = start_server(**models_at(well=well[1], ill=ill[1]))
    caller = Caller(server.url)
    caller.sign_in()
    waiting = [Reader(caller, model="ill") for _ in range(5)]
    for reader in waiting:
        ill[0].door.hang()
        reader.ask("Hello?")
        assert ill[0].door.hanging.acquire(timeout=LONGEST)
    for _ in range(10):
        answer = asked(caller, "well").json()
        assert (answer["answer"], answer["model"], answer["failed_models"]) == (HELLO, "well", [])
    for reader in waiting:
        assert reader.message()["status"] == "pending"
        caller.post(f"/chat/messages/{reader.message_id}/stop")
        assert ill[0].door.left.acquire(timeout=LONGEST)
        reader.read_on()
        assert reader.events[-1].data == {"status": "stopped"}


@pytest.mark.only("sqlite")
def test_a_model_that_fails_is_left_alone_until_it_is_well_again(
    start_server: StartServer, well: Upstream, ill: Upstream
) -> None:
    """Its questions are told so at once; each has its failed message, and can be answered again later."""
    server = start_server(
        **models_at(well=well[1], ill=ill[1]), CHAT__BREAKER_FAILURES="3", CHAT__BREAKER_SECONDS="2"
    )
    caller = Caller(server.url)
    caller.sign_in()
    ill[0].door.fail(503, {"error": {"message": "overloaded"}}, times=1_000)
    readers = [Reader(caller, model="ill") for _ in range(3)]
    for reader in readers:
        reader.ask("Hello?")
        reader.read_on()
        assert reader.names == ["message", "error", "end"]
        assert asked(caller, "well").json()["answer"] == HELLO
    asked_while_ill = len(ill[0].door.paths)
    assert 3 <= asked_while_ill < 6  # each of three questions would have been asked twice
    metrics = httpx.get(f"{server.url}/metrics").text
    assert 'platform_model_resting{model="ill",worker="1"} 1.0' in metrics
    assert 'platform_model_resting{model="well",worker="1"} 0.0' in metrics
    for reader in readers:
        message = reader.message()
        assert (message["status"], message["error_code"]) == ("failed", "model_failed")
        assert message["failed_models"] == ["ill"]
    ill[0].door.recover()
    answer = eventually(lambda: asked(caller, "ill"), lambda answer: answer.is_success).json()
    assert (answer["answer"], answer["model"]) == (HELLO, "ill")
    again = caller.post(f"/chat/messages/{readers[0].message_id}/regenerate", {})
    assert (again["answer"], again["model"]) == (HELLO, "ill")
    assert 'platform_model_resting{model="ill",worker="1"} 0.0' in httpx.get(f"{server.url}/metrics").text


@pytest.mark.only("sqlite")
def test_another_model_stands_in_for_one_that_is_down(start_server: StartServer, well: Upstream) -> None:
    """Nobody listens at the address of the first one. Answers, messages and the dashboard tell who answered."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    server = start_server(**models_at(gone=nowhere, well=well[1]), CHAT__FALLBACKS=json.dumps(["well"]))
    caller = Caller(server.url)
    caller.sign_in()
    for _ in range(8):  # more than it takes to open the breaker
        answer = asked(caller, "gone").json()
        assert (answer["answer"], answer["model"], answer["failed_models"]) == (HELLO, "well", ["gone"])
        message = caller.get(f"/chat/messages/{answer['message_id']}")
        assert (message["status"], message["model"]) == ("completed", "well")
        assert message["failed_models"] == ["gone"]
    reader = Reader(caller, model="gone")
    reader.ask("Hello?")
    reader.read_on()
    assert reader.text == HELLO
    [completed] = [each.data for each in reader.events if each.name == "completed"]
    assert (completed["model"], completed["failed_models"]) == ("well", ["gone"])
    totals = eventually(
        lambda: caller.get("/analytics/dashboard")["totals"], lambda totals: totals["answers"] == 9
    )
    assert (totals["messages"], totals["answers"], totals["failed"]) == (9, 9, 0)
