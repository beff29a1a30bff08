"""Budgets at real servers: what one that is killed had reserved, and what several promise together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Any

import httpx
import pytest

from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import Server, StartServer
from tests.e2e.readers import Reader
from tests.e2e.upstreams import models_at
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, said
from tests.standins.serving import serving

HALF = "One two"
WAITING = Script(said("One", " two", " three."), hold_after=[3], usage=(12, 3))


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


def tokens_of(caller: Caller) -> Any:
    [standing] = caller.get("/chat/budgets/mine")["items"]
    return standing["tokens"]


def test_a_server_killed_in_mid_stream_leaves_nothing_reserved(
    start_server: StartServer, upstream: ChatCompletionsStandIn, engine_name: str
) -> None:
    """Once the lease has ended, or the next server has started on SQLite, what was said is settled as used.

    What another server has reserved meanwhile, for an answer that goes on longer than a lease, is not touched.
    """
    server = start_server()
    caller = signed_in(server)
    caller.put("/chat/budgets/default", {"day": {"tokens": 100_000}})
    other = start_server() if engine_name == "postgresql" else server
    there = caller.at(other.url)
    running = Reader(there)
    if other is not server:
        running.ask("Count to three.")
        running.read_to(HALF)
    one_reserved = tokens_of(caller)["reserved"]
    reader = Reader(caller)
    reader.ask("Count to three.")
    reader.read_to(HALF)
    assert eventually(reader.message, lambda message: message["content"] == HALF)["content"] == HALF
    before = tokens_of(caller)
    assert (before["used"], before["reserved"] > 500) == (0, True)
    server.kill()
    if other is server:
        server.start()
    after = eventually(lambda: tokens_of(there), lambda tokens: tokens["reserved"] == one_reserved)
    assert after["reserved"] == one_reserved
    assert 0 < after["used"] < before["reserved"] - one_reserved
    if other is not server:
        upstream.release()
        running.read_on()
        assert running.events[-1].data == {"status": "completed"}
        settled = {"limit": 100_000, "used": after["used"] + 15, "reserved": 0}
        assert tokens_of(there) == settled


@pytest.mark.only("postgresql")
def test_fifty_parallel_questions_to_two_servers_against_a_budget_for_ten_admit_ten(
    start_server: StartServer, upstream: ChatCompletionsStandIn
) -> None:
    """The platform's budget and each asker's own: many accounts are locked at once, in either server."""
    one, two = start_server(), start_server()
    caller = signed_in(one)
    there = caller.at(two.url)
    caller.put("/chat/budgets/platform", {"day": {"tokens": 10**6}})
    first = Reader(caller)
    first.ask("Count to three.")
    first.read_to(HALF)
    ceiling = tokens_of(caller)["reserved"]
    upstream.release()
    first.read_on()
    used = tokens_of(caller)["used"]
    for path in ("/chat/budgets/platform", "/chat/budgets/default"):
        caller.put(path, {"day": {"tokens": 10 * ceiling + used}, "month": {"tokens": 10**9}})

    def known(server: Caller) -> bool:
        limits = {each["tokens"]["limit"] for each in server.get("/chat/budgets/mine")["items"]}
        return limits == {10 * ceiling + used, 10**9}

    assert eventually(lambda: known(there), bool)
    with ThreadPoolExecutor(50) as threads:
        asking = [
            threads.submit(server.answer, "/chat", {"message": "Count to three."})
            for _ in range(25)
            for server in (caller, there)
        ]
        refused: list[httpx.Response] = []
        for each in as_completed(asking):
            refused.append(each.result())
            if len(refused) == 40:
                break
        assert {each.status_code for each in refused} == {429}
        assert {each.json()["code"] for each in refused} == {"budget_exceeded"}
        while not all(each.done() for each in asking):
            upstream.release()
            upstream.held.acquire(timeout=0.1)
    assert sum(each.result().status_code == 200 for each in asking) == 10
    for standing in caller.get("/chat/budgets/mine")["items"]:
        assert standing["tokens"]["reserved"] == 0
        assert standing["tokens"]["used"] >= 10 * 15
