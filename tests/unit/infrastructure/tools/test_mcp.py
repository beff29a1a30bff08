"""Tools of MCP servers: real ones, by standard streams and by HTTP, in the present protocol and the one before."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mcp.types import Tool
from structlog.testing import capture_logs

from src.domains.chat.services.ports import Asker, ToolFailed
from src.infrastructure.tools.mcp import MOST_TOOLS, McpLimits, McpServer, McpTools
from tests.standins.mcp_server import StandIn, door_to_pages
from tests.standins.serving import Door, serving

ROOT = Path(__file__).parents[4]
ASKER = Asker(uuid4(), ())
QUICK = {"first_delay": 0.01, "longest_delay": 0.1, "stop_seconds": 10.0}
KINDS = ("process", "older process", "http", "older http")


def process(*arguments: str, **options: Any) -> McpServer:
    arguments = ("-m", "tests.standins.mcp_server", *arguments)
    return McpServer(
        "here",
        command=sys.executable,
        args=arguments,
        env={"PYTHONPATH": str(ROOT), "TOKEN": "of its own"},
        **options,
    )


@contextmanager
def web(door: Door, port: int = 0, **options: Any) -> Iterator[McpServer]:
    with serving(door, port, lifespan="on") as address:
        headers = {"Authorization": "Bearer secret"}
        yield McpServer("here", url=f"{address}/mcp", headers=headers, **options)


@contextmanager
def server_of(kind: str) -> Iterator[McpServer]:
    older = kind.startswith("older")
    if kind.endswith("process"):
        yield process("older") if older else process()
    else:
        door = StandIn(older=older).door()
        if older:
            door.fail(404)  # so it does not know how it is asked for its versions
        with web(door) as server:
            yield server


@asynccontextmanager
async def tools_of(*servers: McpServer, **limits: Any) -> AsyncIterator[McpTools]:
    tools = McpTools(servers, McpLimits(**{**QUICK, **limits}))
    await tools.start()
    try:
        yield tools
    finally:
        await tools.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


def names(tools: McpTools, asker: Asker = ASKER) -> list[str]:
    return [spec.name for spec in tools.offered(asker)]


@asynccontextmanager
async def connected(*servers: McpServer, **limits: Any) -> AsyncIterator[McpTools]:
    async with tools_of(*servers, **limits) as tools:
        await until(lambda: bool(names(tools)))
        yield tools


async def call(tools: McpTools, name: str, **arguments: Any) -> str:
    return await tools.call(f"here__{name}", arguments, ASKER)


async def failure(tools: McpTools, name: str, **arguments: Any) -> str:
    with pytest.raises(ToolFailed) as failed:
        await call(tools, name, **arguments)
    return str(failed.value)


async def pid(tools: McpTools) -> int:
    return int(json.loads(await call(tools, "surroundings"))["pid"])


def is_alive(number: int) -> bool:
    """Tell whether a process runs; one that has ended may still be listed."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_are_listed_and_called(kind: str) -> None:
    """Results come as text; what is no text is named, and what is only data comes as JSON."""
    with server_of(kind) as server:
        async with connected(server) as tools:
            spec = next(each for each in tools.offered(ASKER) if each.name == "here__add")
            assert spec.description == "Add two numbers."
            assert spec.parameters["required"] == ["a", "b"]
            assert await call(tools, "add", a=1, b=2) == "3"
            assert await call(tools, "picture") == "Look:\n[image]"
            assert json.loads(await call(tools, "record")) == {"days": 15}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_tool_or_its_server_refuses_is_told(kind: str) -> None:
    with server_of(kind) as server:
        async with connected(server) as tools:
            assert "no such customer" in await failure(tools, "refuse", why="no such customer")
            assert "not today" in await failure(tools, "protest")
            assert "valid integer" in await failure(tools, "add", a="one", b=2)
            assert await call(tools, "add", a=1, b=2) == "3"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_never_returns_is_cut_off_and_others_go_on(kind: str) -> None:
    with server_of(kind) as server:
        async with connected(server, call_seconds=1.0) as tools:
            hanging = asyncio.create_task(failure(tools, "hang"))
            assert await call(tools, "add", a=1, b=2) == "3"
            assert "timed out" in await hanging
            assert await call(tools, "add", a=1, b=2) == "3"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_can_be_given_up(kind: str) -> None:
    with server_of(kind) as server:
        async with connected(server) as tools:
            hanging = asyncio.create_task(call(tools, "hang"))
            assert await call(tools, "add", a=1, b=2) == "3"
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            assert await call(tools, "add", a=1, b=2) == "3"


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_that_a_server_gets_later_are_offered(kind: str) -> None:
    """At once, for it says so: nobody looks here within the test."""
    with server_of(kind) as server:
        async with connected(server, check_seconds=3600.0) as tools:
            assert await call(tools, "grow") == "grown"
            await until(lambda: "here__grown" in names(tools))
            assert await call(tools, "grown", a=1, b=2) == "3"


async def test_a_server_gets_so_many_calls_at_once_and_others_wait() -> None:
    with web(StandIn().door()) as server:
        async with connected(server, calls_at_once=2) as tools:
            most = await asyncio.gather(*(call(tools, "crowd") for _ in range(6)))
            assert max(map(int, most)) == 2


@pytest.mark.parametrize("kind", ["process", "older process"])
async def test_a_process_that_dies_is_started_again(kind: str) -> None:
    """A call that it dies of fails; until it is back, its tools are not offered."""
    with server_of(kind) as server, capture_logs() as logs:
        async with connected(server) as tools:
            first = await pid(tools)
            assert "closed" in await failure(tools, "die")
            await until(lambda: [each["event"] for each in logs].count("tool_server_up") == 2)
            assert await pid(tools) != first
    told = [each["event"] for each in logs]
    assert told == ["tool_server_up", "tool_server_down", "tool_server_up"]


async def test_a_death_in_silence_is_noticed_by_looking() -> None:
    with capture_logs() as logs:
        async with connected(process("older"), check_seconds=0.05) as tools:
            os.kill(await pid(tools), signal.SIGKILL)
            await until(lambda: [each["event"] for each in logs].count("tool_server_up") == 2)
            assert await call(tools, "add", a=1, b=2) == "3"


async def test_a_process_that_freezes_is_ended_and_started_again() -> None:
    async with connected(process(), check_seconds=0.05, connect_seconds=8.0) as tools:
        frozen = await pid(tools)
        os.kill(frozen, signal.SIGSTOP)
        await until(lambda: not names(tools))
        await until(lambda: bool(names(tools)))
        assert not is_alive(frozen)
        assert await call(tools, "add", a=1, b=2) == "3"


@pytest.mark.parametrize("older", [False, True])
async def test_a_web_server_that_goes_and_comes_back_is_found_again(older: bool) -> None:
    """It remembers nothing of its sessions then."""
    with web(StandIn(older=older).door()) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        tools = McpTools([server], McpLimits(**QUICK, check_seconds=0.05))
        await tools.start()
        await until(lambda: bool(names(tools)))
    try:
        await until(lambda: not names(tools))
        assert "no tool" in await failure(tools, "add", a=1, b=2)
        with web(StandIn(older=older).door(), port):
            await until(lambda: bool(names(tools)))
            assert await call(tools, "add", a=1, b=2) == "3"
            await tools.stop()
    finally:
        await tools.stop()


async def test_servers_that_are_not_there_hinder_nobody() -> None:
    """Each is told of once, with the reason, however often it is tried."""
    door = StandIn().door()
    door.fail(500, times=1_000)
    missing = McpServer("missing", command="/no/such/program")
    broken = process("fails")
    with web(door) as failing, capture_logs() as logs:
        async with tools_of(missing, failing, broken, replace(process(), name="good")) as tools:
            await until(lambda: bool(names(tools)) and len(door.paths) > 8)
            assert {name.split("__")[0] for name in names(tools)} == {"good"}
            await until(lambda: sum(each["event"] == "tool_server_down" for each in logs) == 3)
            door.recover()
            await until(lambda: any(name == "here__add" for name in names(tools)))
    down = [each for each in logs if each["event"] == "tool_server_down"]
    assert sorted(each["server"] for each in down) == ["here", "here", "missing"]
    assert [each["stderr"] for each in down if "stderr" in each] == ["no token for the wiki"]
    assert any("No such file" in each["reason"] for each in down)


async def test_a_server_that_never_answers_is_given_up_and_its_process_ended() -> None:
    with capture_logs() as logs:
        async with tools_of(process("deaf"), connect_seconds=0.5) as tools:
            await until(lambda: any(each["event"] == "tool_server_down" for each in logs))
            assert names(tools) == []
    assert not running_standins()


def running_standins() -> list[int]:
    """Return the processes that this test process has started as servers, and that still run."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and is_alive(int(path.name)) and _is_ours(path)
    ]


def _is_ours(path: Path) -> bool:
    try:
        parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        return parent == os.getpid() and b"tests.standins.mcp_server" in (path / "cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["older", "stubborn"])
async def test_no_process_is_left_when_the_platform_stops(kind: str) -> None:
    async with connected(process(kind)) as tools:
        server = await pid(tools)
        assert is_alive(server)
        child = int(await call(tools, "leave_child")) if kind == "stubborn" else server
        hanging = asyncio.create_task(failure(tools, "hang"))
        assert await call(tools, "add", a=1, b=2) == "3"
    assert await hanging
    assert names(tools) == []
    assert not is_alive(server)
    assert not is_alive(child)


async def test_stopping_does_not_wait_for_a_server_that_is_being_tried() -> None:
    async with tools_of(process("deaf"), McpServer("web", url="http://127.0.0.1:9/mcp")) as tools:
        pass
    assert names(tools) == []
    assert not running_standins()


async def test_a_process_sees_its_own_variables_and_none_of_the_platforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH__TOKEN_SECRET", "the platform's")
    async with connected(process()) as tools:
        seen = json.loads(await call(tools, "surroundings"))
    assert seen["TOKEN"] == "of its own"
    assert "AUTH__TOKEN_SECRET" not in seen


async def test_a_web_server_is_told_who_we_are() -> None:
    door = StandIn().door()
    with web(door) as server:
        async with connected(server):
            assert {headers["authorization"] for headers in door.headers} == {"Bearer secret"}


async def test_all_pages_of_a_list_are_taken() -> None:
    pages = [[Tool(name=name, input_schema={"type": "object"})] for name in ("first", "second", "third")]
    with web(door_to_pages(*pages)) as server:
        async with connected(server) as tools:
            assert names(tools) == ["here__first", "here__second", "here__third"]


async def test_so_many_tools_are_offered_and_no_more() -> None:
    """Those of the servers that are named first."""
    many = [Tool(name=f"tool{number}", input_schema={"type": "object"}) for number in range(60)]
    with web(door_to_pages(many)) as server:
        async with tools_of(server, replace(server, name="second")) as tools:
            await until(lambda: len(names(tools)) == MOST_TOOLS)
            assert sum(name.startswith("here__") for name in names(tools)) == 60


async def test_what_is_left_out_of_a_list_is_told_once() -> None:
    good = Tool(name="good", input_schema={"type": "object"})
    bad = Tool(name="bad", input_schema={"type": "object", "properties": {"a": {"type": "integr"}}})
    door = door_to_pages([bad, good])
    with web(door) as server, capture_logs() as logs:
        async with connected(server, check_seconds=0.01):
            await until(lambda: len(door.paths) > 10)
    [told] = [each for each in logs if each["event"] == "tools_left_out"]
    assert list(told["tools"]) == ["bad"]


async def test_a_large_result_comes_whole_and_one_without_end_is_refused() -> None:
    """The session outlives it."""
    with web(StandIn().door(json_response=True)) as server:
        async with connected(server, answer_bytes=500_000) as tools:
            assert await call(tools, "huge", characters=200_000) == "x" * 200_000
            assert "500,000 bytes" in await failure(tools, "huge", characters=5_000_000)
            assert await call(tools, "add", a=1, b=2) == "3"


async def test_a_server_is_for_its_groups_alone() -> None:
    sales, others = uuid4(), uuid4()
    seller, other = Asker(uuid4(), (others, sales)), Asker(uuid4(), (others,))
    with web(StandIn().door(), group_ids=frozenset({sales})) as server:
        async with tools_of(server, McpServer("open", url=server.url)) as tools:
            await until(lambda: {"here__add", "open__add"} <= set(names(tools, seller)))
            assert {name.split("__")[0] for name in names(tools, other)} == {"open"}
            assert await tools.call("here__add", {"a": 1, "b": 2}, seller) == "3"
            assert await tools.call("open__add", {"a": 1, "b": 2}, other) == "3"
            with pytest.raises(ToolFailed, match="no tool here__add"):
                await tools.call("here__add", {"a": 1, "b": 2}, other)


async def test_a_tool_that_settings_do_not_name_cannot_be_called() -> None:
    with web(StandIn().door(), tools=frozenset({"add"})) as server:
        async with connected(server) as tools:
            assert names(tools) == ["here__add"]
            assert "no tool" in await failure(tools, "surroundings")


async def test_without_servers_there_are_no_tools() -> None:
    async with tools_of() as tools:
        assert names(tools) == []
        assert "no tool" in await failure(tools, "add")
