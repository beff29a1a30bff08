"""Settings that do not fit together are told when the server starts."""

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
