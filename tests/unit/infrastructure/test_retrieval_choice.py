"""What finds passages, as the settings choose it."""

from pathlib import Path
from typing import Literal

import pytest

from src.infrastructure.container import retrieval
from src.infrastructure.settings import BedrockSettings, EmbeddingSettings, KnowledgeSettings, Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def choosing(embeddings: str, index: Literal["local", "bedrock"] = "local") -> Settings:
    return Settings(
        knowledge=KnowledgeSettings(embeddings=embeddings, index=index),
        embeddings=EmbeddingSettings(base_url="http://127.0.0.1:9/v1"),
        bedrock=BedrockSettings(knowledge_base_id="A" * 10, data_source_id="B" * 10),
    )


@pytest.mark.parametrize(
    ("name", "own_name"),
    [
        ("embedded", "embedded:multilingual-e5-small"),
        ("embedded:multilingual-e5-small", "embedded:multilingual-e5-small"),
        ("openai:bge-m3@256", "openai:bge-m3@256"),
        ("bedrock:amazon.titan-embed-text-v2:0", "bedrock:amazon.titan-embed-text-v2:0"),
    ],
)
def test_an_embedder_is_chosen_by_name_and_can_be_had_again_by_its_own(name: str, own_name: str) -> None:
    settings = choosing(name)
    chosen = retrieval.embedder(settings)
    assert chosen is not None
    assert chosen.name == own_name
    earlier = retrieval.earlier_embedder(settings, chosen.name)
    assert earlier is not None
    assert earlier.name == own_name


def test_the_embedded_model_answers_for_no_other() -> None:
    """Vectors that another one made must not be searched by its questions."""
    settings = choosing("embedded:word2vec")
    assert retrieval.earlier_embedder(settings, "embedded:word2vec") is None
    with pytest.raises(ValueError, match="embedded:multilingual-e5-small"):
        retrieval.embedder(settings)


def test_nobody_makes_vectors_where_none_are_wanted() -> None:
    """A knowledge base of Bedrock has a model of its own."""
    assert retrieval.embedder(choosing("none")) is None
    assert retrieval.embedder(choosing("embedded", index="bedrock")) is None


def test_without_an_engine_for_this_machine_words_serve_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "find_spec", lambda _name: None)
    assert retrieval.embedder(choosing("embedded")) is None


def test_each_model_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = ["openai:a/b", "openai:a-b", "openai:a:b", "openai:../b", "openai:a b"]
    for name in names:
        retrieval.vector_index(tmp_path, name).clear()
        index = retrieval.vector_index(tmp_path, name)
        index.commit(1)
        index.close()
    assert len(list((tmp_path / "vectors").iterdir())) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]


def test_services_are_given_as_much_at_once_as_they_may_be_asked() -> None:
    here, outside = (retrieval.embedding_limits(choosing(name)) for name in ("embedded", "openai:bge-m3"))
    assert (here.batch, outside.batch) == (16, 4 * 32)
    assert outside.lease >= 2 * 60.0
