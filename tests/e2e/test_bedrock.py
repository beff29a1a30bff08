"""Bedrock through the whole platform: the real boto3 in the server's process, real frames from a stand-in."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.callers import Caller
from tests.e2e.conftest import ROOT, Server
from tests.e2e.readers import Reader
from tests.standins.converse import CUT, ConverseStandIn, message, text, tool_use
from tests.standins.serving import serving

PROFILE = "apac.anthropic.claude-sonnet-4-20250514-v1:0"
HANDBOOK = ROOT / "tests" / "documents" / "handbook-ko.md"
ABOUT_LEAVE = "연차휴가는 며칠 전에 신청하나요?"


@pytest.fixture(scope="module")
def bedrock() -> Iterator[tuple[ConverseStandIn, str]]:
    standin = ConverseStandIn()
    with serving(standin.door) as url:
        yield standin, url


@pytest.fixture(scope="module")
def caller(
    bedrock: tuple[ConverseStandIn, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caller]:
    """An administrator of a server with a handbook."""
    model = {"name": "claude", "provider": "bedrock", "model": PROFILE}
    server = Server(
        tmp_path_factory.mktemp("bedrock"),
        SERVER__PAGE="false",
        CHAT__MODELS=json.dumps([model]),
        CHAT__MODEL="claude",
        CHAT__HELPER_MODEL="embedded",
        BEDROCK__ENDPOINT_URL=bedrock[1],
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    try:
        server.start()
        caller = Caller(server.url)
        caller.sign_in()
        caller.upload(caller.post("/knowledge/collections", {"name": "Handbook"})["id"], HANDBOOK)
        yield caller
    finally:
        server.kill()


@pytest.fixture
def standin(bedrock: tuple[ConverseStandIn, str]) -> ConverseStandIn:
    bedrock[0].calls.clear()
    bedrock[0].door.paths.clear()
    return bedrock[0]


def told(body: dict[str, Any]) -> str:
    """Return the system text of a request."""
    return "".join(block["text"] for block in body["system"] if "text" in block)


def test_an_answer_has_its_sources_from_a_document(caller: Caller, standin: ConverseStandIn) -> None:
    standin.usual = lambda body: message(text("연차휴가는 3일 ", "전까지 신청합니다 [1]."))
    answer = caller.post("/chat", {"message": ABOUT_LEAVE})
    [call] = standin.calls
    assert call.model == PROFILE
    assert f"[1] {HANDBOOK.name}" in told(call.body)
    assert call.body["messages"][-1]["content"] == [{"text": ABOUT_LEAVE}]
    assert call.body["inferenceConfig"]["maxTokens"] > 0
    assert answer["answer"] == "연차휴가는 3일 전까지 신청합니다 [1]."
    assert (answer["status"], answer["model"], answer["finish_reason"]) == ("completed", "claude", "stop")
    [citation] = answer["citations"]
    assert (citation["index"], citation["title"]) == (1, HANDBOOK.name)
    assert "연차" in citation["text"]
    assert (answer["usage"]["tokens_in"], answer["usage"]["tokens_out"]) == (12, 3)


def test_a_throttled_start_is_tried_again(caller: Caller, standin: ConverseStandIn) -> None:
    standin.refuse("ThrottlingException", "Too many requests, please wait before trying again.")
    standin.answer(message(text("Here I am.")))
    answer = caller.post("/chat", {"message": "Are you there?"})
    assert (answer["answer"], answer["failed_models"]) == ("Here I am.", [])
    assert len(standin.door.paths) == 2


def test_a_cut_in_the_middle_is_a_failed_answer_with_its_beginning(
    caller: Caller, standin: ConverseStandIn
) -> None:
    """It is neither asked for again nor shown as if it were whole."""
    standin.answer([*message(text("Half", " an", " answer"))[:3], CUT])
    reader = Reader(caller)
    reader.ask("Tell me.")
    reader.read_on()
    assert (reader.text, reader.names[-2:]) == ("Half an", ["error", "end"])
    assert reader.events[-2].data["code"] == "model_failed"
    saved = reader.message()
    assert (saved["status"], saved["content"], saved["model"]) == ("failed", "Half an", "claude")
    assert saved["usage"]["tokens_out"] > 0
    assert len(standin.door.paths) == 1


def test_what_a_guardrail_of_aws_says_is_the_answer_and_told_as_such(
    caller: Caller, standin: ConverseStandIn
) -> None:
    standin.answer(message(text("I cannot talk about that."), stop="guardrail_intervened"))
    answer = caller.post("/chat", {"message": "Tell me."})
    assert (answer["answer"], answer["status"]) == ("I cannot talk about that.", "completed")
    assert answer["finish_reason"] == "content_filter"


def test_the_model_searches_by_a_tool_and_cites_what_it_found(
    caller: Caller, standin: ConverseStandIn
) -> None:
    """The call is shown while it runs, recorded with the answer, and its passages are sources like others."""
    arguments = json.dumps({"query": ABOUT_LEAVE}, ensure_ascii=False)
    standin.answer(
        message(text("Let me look. "), tool_use("search_knowledge", arguments), stop="tool_use"),
        message(text("Three days before [1].")),
    )
    reader = Reader(caller)
    reader.ask("xyzzy?")  # nothing is found by that
    reader.read_on()
    assert reader.text == "Let me look. Three days before [1]."
    shown = [(each.data["name"], each.data["status"]) for each in reader.events if each.name == "tool"]
    assert shown[-1] == ("search_knowledge", "completed")
    assert "claude" in {each.data.get("model") for each in reader.events}
    first, second = standin.calls
    assert "search_knowledge" in [
        each["toolSpec"]["name"] for each in first.body["toolConfig"]["tools"] if "toolSpec" in each
    ]
    [result] = [block["toolResult"] for block in second.body["messages"][-1]["content"]]
    assert f"[1] {HANDBOOK.name}" in json.dumps(result, ensure_ascii=False)
    saved = reader.message()
    [call] = saved["tool_calls"]
    assert (call["name"], call["status"], json.loads(call["arguments"])) == (
        "search_knowledge",
        "completed",
        {"query": ABOUT_LEAVE},
    )
    [citation] = saved["citations"]
    assert (citation["index"], citation["title"]) == (1, HANDBOOK.name)
    assert saved["usage"]["tokens_in"] == 24  # of both calls
