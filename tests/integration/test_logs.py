"""Each line of a log is one event, and tells which request it belongs to, whichever subscriber writes it."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from src.infrastructure.logging import configure_logging
from src.infrastructure.settings import Settings
from tests.builders import platform_on

REQUEST = {"X-Request-ID": "the-request"}


@pytest.fixture
def json_settings(settings: Settings) -> Iterator[Settings]:
    yield settings.model_copy(update={"log_format": "json"})
    configure_logging("console")


class SpeakingProjection:
    """Stands where analytics counts turns: says a line itself, and has a library say one."""

    def __getattr__(self, _name: str) -> Any:
        def say(_uow: object, event: Any, *_more: object) -> None:
            structlog.get_logger("own").warning("own_line", name=event.name)
            try:
                raise LookupError("lost")
            except LookupError:
                logging.getLogger("library").exception("a line of %s", "a library")

        return say

    def sum_up(self, _uow: object) -> None:
        """Nothing was kept."""


async def test_every_line_of_a_request_and_of_its_subscribers_is_json_with_its_ids(
    json_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with platform_on(json_settings, turn_projection=SpeakingProjection()) as platform:
        person = await platform.sign_up()
        await person.post("/chat", {"message": "canary"}, headers=REQUEST)
        await platform.delivered("analytics.turns")
    out, error = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    ours = [line for line in lines if line.get("correlation_id") == "the-request"]
    [access] = [line for line in ours if line["event"] == "request"]
    assert (access["request_id"], access["path"], access["status"]) == ("the-request", "/api/v1/chat", 200)
    said = {(line["event"], line.get("name")) for line in ours if line["event"] == "own_line"}
    assert said == {("own_line", "chat.message_received"), ("own_line", "chat.response_generated")}
    libraries = [line for line in ours if line["event"] == "a line of a library"]
    assert [(each["logger"], each["level"]) for each in libraries] == [("library", "error")] * 2
    assert libraries[0]["exception"][0]["exc_type"] == "LookupError"
    assert all({"level", "timestamp"} <= line.keys() for line in lines)
    assert error == ""


def test_logs_are_json_in_production_unless_it_is_said_otherwise() -> None:
    secret = {"token_secret": "a secret of many different characters"}
    production: dict[str, Any] = {"environment": "production", "auth": secret}
    assert Settings(**production).resolved_log_format == "json"
    assert Settings(**production, log_format="console").resolved_log_format == "console"
    assert Settings().resolved_log_format == "console"
