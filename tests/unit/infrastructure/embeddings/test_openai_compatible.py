"""Embeddings by a server that speaks OpenAI's API, asked through OpenAI's own library."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from src.domains.knowledge.services.ports import EmbedderUnavailable
from src.infrastructure.embeddings.openai_compatible import OpenAICompatibleEmbedder
from src.infrastructure.embeddings.options import OpenAIServer, Patience
from tests.standins.openai import OpenAIStandIn
from tests.standins.serving import meaning, serving

REFUSAL = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
def url(standin: OpenAIStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield f"{address}/v1"


@asynccontextmanager
async def asking(
    url: str, model: str = "bge-m3", dimensions: int | None = None, seconds: float = 5.0, **server: str | int
) -> AsyncIterator[OpenAICompatibleEmbedder]:
    place = OpenAIServer(url, **server)  # type: ignore[arg-type]
    embedder = OpenAICompatibleEmbedder(model, place, dimensions, Patience(seconds, seconds))
    try:
        yield embedder
    finally:
        await embedder.close()


async def test_vectors_have_length_one_and_the_order_of_the_texts(url: str, standin: OpenAIStandIn) -> None:
    texts = [f"passage number {number}" for number in range(70)]
    async with asking(url, batch=32) as embedder:
        vectors = await embedder.passages(texts)
    expected = np.array([meaning(text, 8) / np.linalg.norm(meaning(text, 8)) for text in texts])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert sorted(len(body["input"]) for body in standin.asked) == [6, 32, 32]


async def test_a_question_and_a_passage_have_the_prefixes_that_the_model_wants(
    url: str, standin: OpenAIStandIn
) -> None:
    async with asking(url, query_prefix="query: ", passage_prefix="passage: ") as embedder:
        await embedder.query("휴가")
        await embedder.passages(["연차 휴가"])
    assert [body["input"] for body in standin.asked] == [["query: 휴가"], ["passage: 연차 휴가"]]


async def test_dimensions_are_learned_from_the_first_answer(url: str) -> None:
    async with asking(url) as embedder:
        assert (embedder.name, embedder.dimensions) == ("openai:bge-m3", 0)
        await embedder.query("leave")
        assert embedder.dimensions == 8


async def test_dimensions_that_are_given_are_asked_for_and_stand_in_the_name(
    url: str, standin: OpenAIStandIn
) -> None:
    async with asking(url, dimensions=4) as embedder:
        vector = await embedder.query("leave")
    assert (embedder.name, vector.shape) == ("openai:bge-m3@4", (4,))
    assert standin.asked[0]["dimensions"] == 4


async def test_texts_are_cut_to_what_the_model_takes_and_never_empty(
    url: str, standin: OpenAIStandIn
) -> None:
    async with asking(url, characters=10, passage_prefix="p: ") as embedder:
        await embedder.passages(["abcdefghijklmnop", " \n"])
    assert standin.asked[0]["input"] == ["p: abcdefg", "p: ."]


async def test_no_texts_have_no_vectors(url: str, standin: OpenAIStandIn) -> None:
    async with asking(url, dimensions=8) as embedder:
        assert (await embedder.passages([])).shape == (0, 8)
    assert standin.asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_fault_that_passes_is_not_noticed(url: str, standin: OpenAIStandIn, status: int) -> None:
    standin.door.fail(status, times=2)
    async with asking(url) as embedder:
        assert len(await embedder.query("leave")) == 8
    assert len(standin.door.paths) == 3


async def test_a_server_that_wants_more_patience_than_there_is_is_not_asked_again(
    url: str, standin: OpenAIStandIn
) -> None:
    standin.door.fail(429, headers={"retry-after": "60"})
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.query("leave")
    assert len(standin.door.paths) == 1


async def test_a_server_that_does_not_answer_is_given_up(url: str, standin: OpenAIStandIn) -> None:
    standin.door.hang()
    async with asking(url, seconds=0.2) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.query("leave")


async def test_a_server_that_is_not_there_is_given_up() -> None:
    async with asking("http://127.0.0.1:9/v1", seconds=0.2) as embedder:
        with pytest.raises(EmbedderUnavailable, match=r"127\.0\.0\.1:9"):
            await embedder.query("leave")


@pytest.mark.parametrize(
    ("model", "key", "reason"), [("gone", "none", "does not exist"), ("bge-m3", "x", "API key")]
)
async def test_a_wrong_model_or_key_is_told_at_once(
    url: str, standin: OpenAIStandIn, model: str, key: str, reason: str
) -> None:
    async with asking(url, model, api_key=key) as embedder:
        with pytest.raises(EmbedderUnavailable, match=reason):
            await embedder.query("leave")
    assert len(standin.door.paths) == 1


async def test_money_that_is_used_up_is_told_at_once(url: str, standin: OpenAIStandIn) -> None:
    standin.door.fail(429, REFUSAL)
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable, match="quota"):
            await embedder.query("leave")
    assert len(standin.door.paths) == 1


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "{}",
        '{"data": []}',
        '{"data": [{"index": 0, "embedding": "AAAA"}]}',
        '{"data": [{"index": 0, "embedding": [0.0, 0.0]}]}',
        '{"data": [{"index": 0, "embedding": [null, 1.0]}]}',
        '{"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0]}]}',
        '{"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]}',
    ],
)
async def test_an_answer_of_another_form_is_no_vector(url: str, standin: OpenAIStandIn, body: str) -> None:
    standin.door.fail(200, body)
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable, match="malformed"):
            await embedder.query("leave")
