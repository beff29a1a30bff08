"""What a turn does with the calls that a model makes: whatever they are, it gets a result to go on with."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from src.domains.chat.services.ports import Asker, ToolCall, ToolFailed, ToolSpec
from src.domains.chat.services.tools import Toolbox, ToolCallRecord, ToolLimits, ToolResult, ToolScope
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import Passage, PassagesRequested, PassagesRetrieved

ASKER = Asker(uuid4(), (uuid4(), uuid4()))
SCOPE = ToolScope(ASKER, session_id=uuid4(), collection_ids=(uuid4(),))
LIMITS = ToolLimits(seconds=20.0, characters=2_000, passages=6)
SEOUL = ZoneInfo("Asia/Seoul")
TUESDAY = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)


class Drawer:
    """A provider with one tool, which answers what it is told to."""

    def __init__(self, answer: str | BaseException = "ok", schema: dict[str, Any] | None = None) -> None:
        self.answer = answer
        self.calls: list[tuple[str, Mapping[str, Any], Asker]] = []
        self.spec = ToolSpec("crm__find", "Find a customer.", schema or {"type": "object"})
        self.asked = asyncio.Event()

    def offered(self, asker: Asker) -> Sequence[ToolSpec]:
        return [self.spec] if asker == ASKER else []

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        self.calls.append((name, arguments, asker))
        self.asked.set()
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer == "never":
            await asyncio.Event().wait()
        return self.answer


class Library:
    """Answers a bus's requests for passages, and remembers them."""

    def __init__(self, *passages: Passage, fault: Exception | None = None) -> None:
        self.bus = EventBus()
        self.requests: list[PassagesRequested] = []
        self._passages = passages
        self._fault = fault
        self.bus.respond(PassagesRequested, self._answer)

    async def _answer(self, request: PassagesRequested) -> PassagesRetrieved:
        self.requests.append(request)
        if self._fault:
            raise self._fault
        return PassagesRetrieved(passages=self._passages[: request.limit])


def passage(title: str, text: str, location: str = "Leave > Annual") -> Passage:
    ids = {"passage_id": uuid4(), "document_id": uuid4(), "collection_id": uuid4()}
    return Passage(**ids, title=title, location=location, text=text, score=1.0)


def toolbox(
    library: Library | None = None, drawer: Drawer | None = None, limits: ToolLimits = LIMITS
) -> Toolbox:
    bus = (library or Library()).bus
    return Toolbox(bus, drawer or Drawer(), limits, SEOUL, now=lambda: TUESDAY)


async def run(tools: Toolbox, name: str, arguments: Any, scope: ToolScope = SCOPE) -> ToolResult:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return await tools.run(ToolCall("call-1", name, text), scope, first_source=7)


def test_the_platforms_own_tools_come_first_and_then_those_that_the_asker_may_use() -> None:
    tools = toolbox()
    assert [spec.name for spec in tools.offered(ASKER)] == ["search_knowledge", "current_time", "crm__find"]
    stranger = Asker(uuid4(), ())
    assert [spec.name for spec in tools.offered(stranger)] == ["search_knowledge", "current_time"]


async def test_a_search_gives_passages_as_sources_numbered_on() -> None:
    found = passage("Handbook", "Fifteen days."), passage("Rules", "Twelve days.", location="")
    result = await run(toolbox(Library(*found)), "search_knowledge", {"query": "annual leave"})
    assert result.text == "[7] Handbook — Leave > Annual\n> Fifteen days.\n\n[8] Rules\n> Twelve days."
    assert result.passages == found
    assert not result.failed


async def test_a_search_is_the_askers_and_within_the_profile() -> None:
    library = Library()
    await run(toolbox(library), "search_knowledge", {"query": "annual leave", "limit": 2})
    [request] = library.requests
    assert (request.query, request.limit) == ("annual leave", 2)
    assert (request.user_id, request.group_ids) == (ASKER.user_id, ASKER.group_ids)
    assert (request.session_id, request.collection_ids) == (SCOPE.session_id, SCOPE.collection_ids)


async def test_a_search_that_finds_nothing_has_not_failed() -> None:
    result = await run(toolbox(), "search_knowledge", {"query": "moon"})
    assert result == ToolResult("No passage was found.")


async def test_passages_without_room_are_neither_told_nor_cited() -> None:
    found = [passage(f"Document {number}", "x" * 900) for number in range(5)]
    result = await run(toolbox(Library(*found)), "search_knowledge", {"query": "x"})
    assert len(result.passages) == 2
    assert "[8]" in result.text
    assert "[9]" not in result.text


async def test_a_passage_that_is_longer_than_all_the_room_is_cut() -> None:
    found = passage("Handbook", "x" * 9_000)
    result = await run(toolbox(Library(found)), "search_knowledge", {"query": "x"})
    assert result.passages == (found,)
    assert len(result.text) < 2_100


@pytest.mark.parametrize("fault", [RuntimeError("the index is gone"), TimeoutError()])
async def test_a_search_that_fails_is_told_without_what_is_inside(fault: Exception) -> None:
    result = await run(toolbox(Library(fault=fault)), "search_knowledge", {"query": "leave"})
    assert result == ToolResult("The documents cannot be searched right now.", failed=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "2026-11-25, Wednesday, 01:30 (Asia/Seoul, UTC+0900)"),
        ("", "2026-11-25, Wednesday, 01:30 (Asia/Seoul, UTC+0900)"),
        ({"time_zone": "America/New_York"}, "2026-11-24, Tuesday, 11:30 (America/New_York, UTC-0500)"),
    ],
)
async def test_the_time_is_told_here_or_elsewhere(arguments: Any, told: str) -> None:
    assert await run(toolbox(), "current_time", arguments) == ToolResult(told)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "America", "a\0b"])
async def test_a_time_zone_that_there_is_not_is_told(zone: str) -> None:
    result = await run(toolbox(), "current_time", {"time_zone": zone})
    assert result.failed
    assert "There is no time zone" in result.text


async def test_a_tool_of_a_server_is_called_for_the_asker() -> None:
    drawer = Drawer("Ada, since 2019")
    result = await run(toolbox(drawer=drawer), "crm__find", {"name": "Ada"})
    assert result == ToolResult("Ada, since 2019")
    assert drawer.calls == [("crm__find", {"name": "Ada"}, ASKER)]


@pytest.mark.parametrize("name", ["", "crm__delete", "search-knowledge", "x" * 100_000])
async def test_a_tool_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    result = await run(toolbox(), name, {})
    assert result.failed
    assert "There is no tool" in result.text
    assert "current_time" in result.text
    assert len(result.text) < 500


async def test_a_tool_that_is_not_the_askers_is_not_there() -> None:
    drawer = Drawer()
    result = await run(toolbox(drawer=drawer), "crm__find", {}, ToolScope(Asker(uuid4(), ())))
    assert result.failed
    assert drawer.calls == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nonsense",
        '["a"]',
        '"a"',
        "null",
        '{"name": NaN}',
        '{"name": "\\ud800"}',
        '{"name": ' + "1" * 10_000 + "}",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
async def test_arguments_that_are_no_object_of_json_never_reach_a_tool(text: str) -> None:
    drawer = Drawer()
    result = await run(toolbox(drawer=drawer), "crm__find", text)
    assert result.failed
    assert "JSON" in result.text
    assert drawer.calls == []


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("search_knowledge", {}, "$: 'query' is a required property"),
        ("search_knowledge", {"query": ""}, "$.query"),
        ("search_knowledge", {"query": "x" * 3_000}, "$.query"),
        ("search_knowledge", {"query": 5}, "$.query: 5 is not of type 'string'"),
        ("search_knowledge", {"query": "leave", "limit": 0}, "$.limit"),
        ("search_knowledge", {"query": "leave", "limit": 1_000}, "$.limit"),
        ("search_knowledge", {"query": "leave", "limit": True}, "$.limit"),
        ("current_time", {"time_zone": ["Asia/Seoul"]}, "$.time_zone"),
    ],
)
async def test_arguments_that_do_not_fit_are_told_with_where_and_why(
    name: str, arguments: Any, told: str
) -> None:
    library = Library()
    result = await run(toolbox(library), name, arguments)
    assert result.failed
    assert told in result.text
    assert len(result.text) < 2_100
    assert library.requests == []


DOUBLING = {
    f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(60)
}  # each twice as long as the next


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"name": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(n?)+name!$": {"type": "string"}}, "additionalProperties": False},
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/$defs/d0", "$defs": DOUBLING},
        {"properties": {"name": {"pattern": r"^\p{Hangul}+$"}}},
    ],
)
async def test_a_schema_that_would_take_for_ever_or_lead_elsewhere_is_left_to_its_server(
    schema: dict[str, Any],
) -> None:
    drawer = Drawer(schema={"type": "object", **schema})
    result = await run(toolbox(drawer=drawer), "crm__find", {"name": "a" * 60 + "!"})
    assert result == ToolResult("ok")


async def test_what_a_tool_says_of_its_failure_is_told() -> None:
    result = await run(toolbox(drawer=Drawer(ToolFailed("no such customer"))), "crm__find", {})
    assert result == ToolResult("no such customer", failed=True)


async def test_a_fault_of_a_tool_is_told_without_what_is_inside() -> None:
    result = await run(toolbox(drawer=Drawer(RuntimeError("password is x"))), "crm__find", {})
    assert result == ToolResult("The tool failed.", failed=True)


async def test_a_tool_that_takes_too_long_is_cut_off() -> None:
    tools = toolbox(drawer=Drawer("never"), limits=ToolLimits(seconds=0.01, characters=500, passages=6))
    result = await run(tools, "crm__find", {})
    assert result == ToolResult("The tool took longer than 0.01 seconds.", failed=True)


async def test_a_turn_that_is_cancelled_is_not_held_by_its_tool() -> None:
    drawer = Drawer("never")
    running = asyncio.create_task(run(toolbox(drawer=drawer), "crm__find", {}))
    await drawer.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("answer", ["y" * 1_000_000, ToolFailed("y" * 1_000_000)])
async def test_a_result_is_bounded_and_says_so(answer: str | Exception) -> None:
    result = await run(toolbox(drawer=Drawer(answer)), "crm__find", {})
    assert result.text == "y" * 2_000 + "\n[cut: 1,000,000 characters in all]"


async def test_what_a_database_cannot_hold_is_taken_out() -> None:
    result = await run(toolbox(drawer=Drawer("a\0b\ud800c")), "crm__find", {})
    assert result.text == "ab?c"


def test_a_record_tells_of_a_call_from_its_beginning_to_its_end() -> None:
    record = ToolCallRecord.of(ToolCall("call-1", "crm__find", '{"name": "Ada"}'))
    assert record.model_dump() == {
        "id": "call-1",
        "name": "crm__find",
        "arguments": '{"name": "Ada"}',
        "status": "running",
        "result": "",
        "milliseconds": None,
    }
    ended = record.ended(ToolResult("Ada, since 2019"), 12)
    assert (ended.status, ended.result, ended.milliseconds) == ("completed", "Ada, since 2019", 12)
    assert record.ended(ToolResult("no such customer", failed=True), 12).status == "failed"


def test_a_record_is_bounded_whatever_was_called() -> None:
    record = ToolCallRecord.of(ToolCall("i" * 9_000, "n" * 9_000, "\0" + "a" * 90_000))
    record = record.ended(ToolResult("r" * 90_000), 1)
    assert len(record.model_dump_json()) < 4_000
