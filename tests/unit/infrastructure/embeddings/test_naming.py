"""Embedders are had by name: the configured one, and one of an earlier name."""

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import Vector
from src.infrastructure.embeddings.naming import EmbedderSources, embedder_by_name
from src.infrastructure.embeddings.options import OpenAIServer
from src.infrastructure.outside.places import AwsPlace

SERVER = OpenAIServer("http://127.0.0.1:9/v1")


class OnThisMachine:
    dimensions = 384

    def __init__(self, model: str) -> None:
        self.name = f"embedded:{model or 'usual'}"

    async def query(self, text: str) -> Vector:
        raise NotImplementedError

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError


SOURCES = EmbedderSources(OnThisMachine, AwsPlace("ap-northeast-2"), SERVER)


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("embedded:multilingual-e5-small", 384),
        ("bedrock:amazon.titan-embed-text-v2:0", 1024),
        ("bedrock:amazon.titan-embed-text-v2:0@256", 256),
        ("bedrock:global.cohere.embed-v4:0@512", 512),
        ("openai:bge-m3", 0),
        ("openai:text-embedding-3-large@1024", 1024),
        ("openai:model@local", 0),
    ],
)
def test_an_embedder_has_the_name_that_it_was_had_by(name: str, dimensions: int) -> None:
    embedder = embedder_by_name(name, SOURCES)
    assert embedder is not None
    assert (embedder.name, embedder.dimensions) == (name, dimensions)


def test_the_embedded_one_may_choose_its_model() -> None:
    embedder = embedder_by_name("embedded", SOURCES)
    assert embedder is not None
    assert embedder.name == "embedded:usual"


def test_none_is_none() -> None:
    assert embedder_by_name("none", SOURCES) is None


@pytest.mark.parametrize("name", ["", "word2vec", "bedrock:", "bedrock:anthropic.claude", "openai:"])
def test_a_name_that_nobody_has_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no embedder|known are"):
        embedder_by_name(name, SOURCES)


def test_a_server_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ValueError, match="EMBEDDINGS__BASE_URL"):
        embedder_by_name("openai:bge-m3", EmbedderSources(OnThisMachine, AwsPlace("ap-northeast-2")))


def test_libraries_of_services_are_loaded_for_those_who_use_them_alone() -> None:
    program = (
        "import sys; import src.infrastructure.embeddings.naming; "
        "sys.exit(bool({'boto3', 'openai', 'opensearchpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
