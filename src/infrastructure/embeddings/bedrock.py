"""Embeddings by Amazon Bedrock: Titan Text Embeddings V2 and Cohere Embed, through InvokeModel."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import EmbedderUnavailable, Vector
from src.infrastructure.embeddings.options import Patience
from src.infrastructure.embeddings.vectors import cut, in_batches, unit_rows
from src.infrastructure.outside.aws import AwsService
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import AwsPlace

Purpose = Literal["search_query", "search_document"]

# A search asks for one vector at a time; few threads serve many, for most of a call is waiting.
_QUERY_THREADS = 8


@dataclass(frozen=True)
class _Family:
    """What models of one kind take and give."""

    dimensions: tuple[int, ...]
    """Those that can be asked for; the first one is the model's own choice."""
    texts: int
    """So many in one call."""
    characters: int
    request: Callable[[Sequence[str], Purpose, int], dict[str, Any]]
    rows: Callable[[Any], Any]


def _titan(texts: Sequence[str], _purpose: Purpose, dimensions: int) -> dict[str, Any]:
    return {"inputText": texts[0], "dimensions": dimensions, "normalize": True}


def _cohere_3(texts: Sequence[str], purpose: Purpose, _dimensions: int) -> dict[str, Any]:
    return {"texts": list(texts), "input_type": purpose, "truncate": "END"}


def _cohere_4(texts: Sequence[str], purpose: Purpose, dimensions: int) -> dict[str, Any]:
    return {
        "texts": list(texts),
        "input_type": purpose,
        "truncate": "RIGHT",
        "embedding_types": ["float"],
        "output_dimension": dimensions,
    }


_FAMILIES = {
    # 8,192 tokens, and a Korean syllable may be two of them.
    "amazon.titan-embed-text-v2": _Family(
        (1024, 512, 256), 1, 4_000, _titan, lambda answer: [answer["embedding"]]
    ),
    "cohere.embed-multilingual-v3": _Family(
        (1024,), 96, 2_048, _cohere_3, lambda answer: answer["embeddings"]
    ),
    "cohere.embed-english-v3": _Family((1024,), 96, 2_048, _cohere_3, lambda answer: answer["embeddings"]),
    "cohere.embed-v4": _Family(
        (1536, 1024, 512, 256), 96, 16_000, _cohere_4, lambda answer: answer["embeddings"]["float"]
    ),
}


class BedrockEmbedder:
    """Implements `Embedder`.

    `model` is a model's id or an inference profile's ("global.cohere.embed-v4:0"). Whatever keeps vectors
    from coming is raised as `EmbedderUnavailable`, passing faults after repetitions, the others at once.
    """

    def __init__(
        self,
        model: str,
        place: AwsPlace,
        dimensions: int | None,
        patience: Patience,
    ) -> None:
        self._model = model
        self._family = _family(model)
        self.dimensions = dimensions or self._family.dimensions[0]
        if self.dimensions not in self._family.dimensions:
            raise ValueError(f"{model} makes vectors of {self._family.dimensions} numbers, not {dimensions}")
        self.name = f"bedrock:{model}" + (f"@{dimensions}" if dimensions else "")
        self._patience = patience
        # Each with threads of its own: a search never waits behind the passages of a large document.
        service = partial(AwsService, "bedrock-runtime", place)
        self._queries = service(threads=_QUERY_THREADS, seconds=patience.query_seconds)
        self._passages = service(threads=patience.batches_at_once, seconds=patience.passages_seconds)

    async def query(self, text: str) -> Vector:
        try:
            rows = await self._embed(self._queries, "search_query", [text])
        except ServiceFault as fault:
            raise self._unavailable(fault) from fault
        return np.asarray(rows[0])

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        embed = partial(self._embed, self._passages, "search_document")
        try:
            batches = await in_batches(
                texts, self._family.texts, embed, at_once=self._patience.batches_at_once
            )
        except ServiceFault as fault:
            raise self._unavailable(fault) from fault
        return np.concatenate([np.empty((0, self.dimensions), np.float32), *batches])

    async def close(self) -> None:
        """Let the threads go."""
        self._queries.close()
        self._passages.close()

    async def _embed(
        self, service: AwsService, purpose: Purpose, texts: Sequence[str]
    ) -> NDArray[np.float32]:
        texts = [cut(text, self._family.characters) for text in texts]
        request = json.dumps(self._family.request(texts, purpose, self.dimensions))
        rows = await service.run(lambda client: self._family.rows(_invoked(client, self._model, request)))
        return unit_rows(rows, len(texts), self.dimensions)

    def _unavailable(self, fault: ServiceFault) -> EmbedderUnavailable:
        return EmbedderUnavailable(f"{self.name}: {fault}", lasting=not fault.passing)


def _family(model: str) -> _Family:
    for name, family in _FAMILIES.items():
        if name in model:
            return family
    raise ValueError(
        f"No way to ask {model!r} for embeddings is known here; known are {', '.join(_FAMILIES)}."
    )


def _invoked(client: Any, model: str, body: str) -> Any:
    answer = client.invoke_model(
        modelId=model, body=body, contentType="application/json", accept="application/json"
    )
    return json.loads(answer["body"].read())
