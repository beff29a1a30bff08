"""Embeddings by any server that speaks OpenAI's API: Ollama, vLLM, llama.cpp, TEI, OpenAI itself."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import openai
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import EmbedderUnavailable, Vector
from src.infrastructure.embeddings.options import OpenAIServer, Patience
from src.infrastructure.embeddings.vectors import cut, in_batches, unit_rows
from src.infrastructure.outside.faults import ServiceFault, malformed, retried
from src.infrastructure.outside.openai_errors import OPENAI_ERRORS, fault_of


class OpenAICompatibleEmbedder:
    """Implements `Embedder`.

    `dimensions` are asked for when they are given; else they are 0 until the first answer tells them.
    Whatever keeps vectors from coming is raised as `EmbedderUnavailable`, passing faults after repetitions,
    the others at once.
    """

    def __init__(
        self,
        model: str,
        server: OpenAIServer,
        dimensions: int | None,
        patience: Patience,
    ) -> None:
        self.name = f"openai:{model}" + (f"@{dimensions}" if dimensions else "")
        self.dimensions = dimensions or 0
        self._server = server
        self._patience = patience
        self._request: dict[str, Any] = {"model": model, "encoding_format": "float"}
        if dimensions:
            self._request["dimensions"] = dimensions
        # The library will not start without a key; servers of one's own want none.
        self._client = openai.AsyncOpenAI(
            base_url=server.base_url, api_key=server.api_key or "none", max_retries=0
        )

    async def query(self, text: str) -> Vector:
        try:
            rows = await self._embed(self._server.query_prefix, self._patience.query_seconds, [text])
        except ServiceFault as fault:
            raise self._unavailable(fault) from fault
        return np.asarray(rows[0])

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        embed = partial(self._embed, self._server.passage_prefix, self._patience.passages_seconds)
        try:
            batches = await in_batches(
                texts, self._server.batch, embed, at_once=self._patience.batches_at_once
            )
        except ServiceFault as fault:
            raise self._unavailable(fault) from fault
        return np.concatenate(batches) if batches else np.empty((0, self.dimensions), np.float32)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _embed(self, prefix: str, seconds: float, texts: Sequence[str]) -> NDArray[np.float32]:
        inputs = [prefix + cut(text, self._server.characters - len(prefix)) for text in texts]
        answer = await retried(partial(self._ask, inputs, seconds), seconds=seconds)
        vectors = unit_rows(_rows(answer), len(texts), self.dimensions)
        self.dimensions = vectors.shape[1]
        return vectors

    async def _ask(self, inputs: list[str], seconds: float) -> Any:
        try:
            return await self._client.embeddings.create(input=inputs, timeout=seconds, **self._request)
        except OPENAI_ERRORS as error:
            raise fault_of(error, self._server.base_url) from error

    def _unavailable(self, fault: ServiceFault) -> EmbedderUnavailable:
        return EmbedderUnavailable(f"{self.name}: {fault}", lasting=not fault.passing)


def _rows(answer: Any) -> list[Any]:
    """Return the vectors in the order of the texts; the library does not check what a server answers."""
    try:
        return [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
    except (AttributeError, TypeError) as error:
        raise malformed(repr(error)) from error
