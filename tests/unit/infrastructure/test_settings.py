"""Settings that do not fit together are told when the server starts."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from src.infrastructure.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("chosen", "needed"),
    [
        ({"knowledge": {"index": "opensearch"}}, "OPENSEARCH__URL"),
        ({"knowledge": {"index": "bedrock"}}, "BEDROCK__KNOWLEDGE_BASE_ID"),
        (
            {"knowledge": {"index": "bedrock"}, "bedrock": {"knowledge_base_id": "A" * 10}},
            "BEDROCK__DATA_SOURCE_ID",
        ),
        ({"knowledge": {"embeddings": "openai:bge-m3"}}, "EMBEDDINGS__BASE_URL"),
        ({"knowledge": {"embeddings": "word2vec"}}, "embeddings"),
        ({"knowledge": {"embeddings": "bedrock:"}}, "embeddings"),
    ],
)
def test_a_service_that_is_chosen_must_be_named(chosen: dict[str, Any], needed: str) -> None:
    with pytest.raises(ValidationError, match=needed):
        Settings(**chosen)


@pytest.mark.parametrize(
    "name", ["none", "embedded", "embedded:multilingual-e5-small", "bedrock:cohere.embed-v4:0@512"]
)
def test_embeddings_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("KNOWLEDGE__EMBEDDINGS", name)
    assert Settings().knowledge.embeddings == name


@pytest.mark.parametrize(
    ("servers", "wrong"),
    [
        ([{"name": "wiki"}], "either `command` or `url`"),
        ([{"name": "wiki", "command": "wiki", "url": "http://wiki"}], "either `command` or `url`"),
        ([{"name": "wiki", "url": "http://wiki", "env": {"A": "b"}}], "for a `command`"),
        ([{"name": "wiki", "command": "wiki", "headers": {"A": "b"}}], "for a `url`"),
        ([{"name": "wiki", "url": "file:///etc/passwd"}], "url"),
        ([{"name": "wi__ki", "command": "wiki"}], "name"),
        ([{"name": "위키", "command": "wiki"}], "name"),
        ([{"name": "wiki", "command": "wiki", "group": "sales"}], "group"),
        ([{"name": "wiki", "command": "a"}, {"name": "wiki", "command": "b"}], "names a server twice"),
    ],
)
def test_a_server_of_tools_is_named_wholly(
    monkeypatch: pytest.MonkeyPatch, servers: list[dict[str, Any]], wrong: str
) -> None:
    monkeypatch.setenv("TOOLS__MCP_SERVERS", json.dumps(servers))
    with pytest.raises(ValidationError, match=wrong):
        Settings()


def test_secrets_of_servers_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [
        {"name": "wiki", "command": "wiki", "env": {"TOKEN": "hidden"}},
        {"name": "crm", "url": "https://crm.example/mcp", "headers": {"Authorization": "hidden"}},
    ]
    monkeypatch.setenv("TOOLS__MCP_SERVERS", json.dumps(servers))
    assert "hidden" not in repr(Settings())
    assert Settings().tools.mcp_servers[0].env["TOKEN"].get_secret_value() == "hidden"


@pytest.mark.parametrize("secret", [None, "a" * 40, "change" * 8])
def test_production_wants_a_secret_that_cannot_be_guessed(secret: str | None) -> None:
    with pytest.raises(ValidationError, match="AUTH__TOKEN_SECRET"):
        Settings(environment="production", auth={"token_secret": secret})  # type: ignore[arg-type]
    kept = Settings(environment="production", auth={"token_secret": "0123456789abcdef" * 2})  # type: ignore[arg-type]
    assert kept.environment == "production"


@pytest.mark.parametrize(
    "origin", ["*", "wiki.example.com", "https://wiki.example.com/", "https://*.example.com"]
)
def test_only_whole_origins_are_let_in(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings(server={"cors_origins": [origin]})  # type: ignore[arg-type]
