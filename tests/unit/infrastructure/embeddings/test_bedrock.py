"""Embeddings by Amazon Bedrock, asked through boto3; requests are checked against the service's model."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from src.domains.knowledge.services.ports import EmbedderUnavailable
from src.infrastructure.embeddings.bedrock import BedrockEmbedder
from src.infrastructure.embeddings.options import Patience
from src.infrastructure.outside.places import AwsPlace
from tests.standins.bedrock_runtime import BedrockRuntimeStandIn
from tests.standins.serving import meaning, serving

TITAN = "amazon.titan-embed-text-v2:0"
COHERE_3 = "cohere.embed-multilingual-v3"
COHERE_4 = "cohere.embed-v4:0"
SEOUL = "ap-northeast-2"

pytestmark = pytest.mark.usefixtures("aws_credentials")


@pytest.fixture
def standin() -> BedrockRuntimeStandIn:
    return BedrockRuntimeStandIn()


@pytest.fixture
def url(standin: BedrockRuntimeStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield address


@asynccontextmanager
async def asking(
    url: str, model: str = TITAN, dimensions: int | None = None, *, seconds: float = 5.0, region: str = SEOUL
) -> AsyncIterator[BedrockEmbedder]:
    embedder = BedrockEmbedder(model, AwsPlace(region, url), dimensions, Patience(seconds, seconds))
    try:
        yield embedder
    finally:
        await embedder.close()


@pytest.mark.parametrize(
    ("model", "dimensions", "size", "calls"),
    [
        (TITAN, None, 1024, 100),
        (TITAN, 256, 256, 100),
        (COHERE_3, None, 1024, 2),
        (COHERE_4, None, 1536, 2),
        (COHERE_4, 512, 512, 2),
        ("global.cohere.embed-v4:0", None, 1536, 2),
    ],
)
async def test_passages_have_vectors_of_length_one_in_order(
    url: str, standin: BedrockRuntimeStandIn, model: str, dimensions: int | None, size: int, calls: int
) -> None:
    texts = [f"passage number {number}" for number in range(100)]
    async with asking(url, model, dimensions) as embedder:
        vectors = await embedder.passages(texts)
    expected = np.array([meaning(text, size) / np.linalg.norm(meaning(text, size)) for text in texts])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert (embedder.dimensions, len(standin.asked)) == (size, calls)


@pytest.mark.parametrize("model", [COHERE_3, COHERE_4])
async def test_a_question_is_asked_for_as_one(url: str, standin: BedrockRuntimeStandIn, model: str) -> None:
    async with asking(url, model) as embedder:
        await embedder.query("연차는 며칠인가요?")
        await embedder.passages(["연차 휴가는 15일이다."])
    assert [asked["input_type"] for _, asked in standin.asked] == ["search_query", "search_document"]


@pytest.mark.parametrize("model", [TITAN, COHERE_3, COHERE_4])
async def test_texts_are_cut_to_what_the_model_takes_and_never_empty(url: str, model: str) -> None:
    async with asking(url, model) as embedder:
        assert (await embedder.passages(["가" * 100_000, "a" * 100_000, " \n"])).shape[0] == 3


async def test_a_name_tells_the_model_and_dimensions_that_were_chosen(url: str) -> None:
    async with asking(url) as plain, asking(url, TITAN, 256) as small:
        assert (plain.name, small.name) == (f"bedrock:{TITAN}", f"bedrock:{TITAN}@256")


@pytest.mark.parametrize(("model", "dimensions"), [("anthropic.claude", None), (TITAN, 300)])
def test_a_model_that_is_not_known_here_is_refused_when_it_is_chosen(
    model: str, dimensions: int | None
) -> None:
    with pytest.raises(ValueError, match=model):
        BedrockEmbedder(model, AwsPlace(SEOUL), dimensions, Patience())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "ThrottlingException"),
        (429, "ModelNotReadyException"),
        (503, "ServiceUnavailableException"),
        (408, "ModelTimeoutException"),
        (500, ""),
    ],
)
async def test_a_fault_that_passes_is_not_noticed(
    url: str, standin: BedrockRuntimeStandIn, status: int, code: str
) -> None:
    standin.door.fail(status, {"message": "later"}, {"x-amzn-errortype": code}, times=2)
    async with asking(url) as embedder:
        assert len(await embedder.query("leave")) == 1024
    assert len(standin.door.paths) == 3


async def test_the_library_does_not_repeat_by_itself(url: str, standin: BedrockRuntimeStandIn) -> None:
    """A server that asks for more patience than there is gets one request."""
    standin.door.fail(429, {}, {"x-amzn-errortype": "ThrottlingException", "retry-after": "60"}, times=9)
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable, match="Throttling"):
            await embedder.query("leave")
    assert len(standin.door.paths) == 1


async def test_a_service_that_does_not_answer_is_given_up(url: str, standin: BedrockRuntimeStandIn) -> None:
    standin.door.hang()
    async with asking(url, seconds=0.3) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.query("leave")


async def test_a_service_that_is_not_there_is_given_up() -> None:
    async with asking("http://127.0.0.1:9", seconds=0.5) as embedder:
        with pytest.raises(EmbedderUnavailable, match="Could not connect") as caught:
            await embedder.query("leave")
    assert not caught.value.lasting


async def test_a_model_that_is_not_there_is_told_at_once(url: str, standin: BedrockRuntimeStandIn) -> None:
    async with asking(url, "amazon.titan-embed-text-v2:9") as embedder:
        with pytest.raises(EmbedderUnavailable, match="Could not resolve the model"):
            await embedder.passages(["leave", "holiday"])
    assert len(standin.door.paths) <= 2


async def test_a_region_that_does_not_let_us_in_is_told_at_once(
    url: str, standin: BedrockRuntimeStandIn
) -> None:
    async with asking(url, region="us-east-1") as embedder:
        with pytest.raises(EmbedderUnavailable, match="AccessDenied"):
            await embedder.query("leave")
    assert len(standin.door.paths) == 1


async def test_credentials_that_are_missing_are_told(
    url: str, standin: BedrockRuntimeStandIn, no_aws_credentials: None
) -> None:
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable, match="Unable to locate credentials"):
            await embedder.query("leave")
    assert standin.door.paths == []


@pytest.mark.parametrize(
    "body", ["<html>", "[]", "{}", '{"embedding": null}', '{"embedding": [1, 2]}', '{"embedding": "abc"}']
)
async def test_an_answer_of_another_form_is_no_vector(
    url: str, standin: BedrockRuntimeStandIn, body: str
) -> None:
    standin.door.fail(200, body)
    async with asking(url) as embedder:
        with pytest.raises(EmbedderUnavailable, match="malformed"):
            await embedder.query("leave")
