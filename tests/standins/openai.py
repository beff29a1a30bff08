"""Stands in for a server that speaks OpenAI's API for embeddings."""

from typing import Any, get_type_hints

from openai.types import CreateEmbeddingResponse, Embedding
from openai.types.create_embedding_response import Usage
from openai.types.embedding_create_params import EmbeddingCreateParams
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.serving import Door, meaning


class OpenAIStandIn:
    """Knows one model; checks what it is asked by the library's own types."""

    def __init__(self, model: str = "bge-m3", dimensions: int = 8, key: str = "none") -> None:
        self._model = model
        self._dimensions = dimensions
        self._key = key
        self.asked: list[dict[str, Any]] = []
        self.door = Door(Starlette(routes=[Route("/v1/embeddings", self._embed, methods=["POST"])]))

    async def _embed(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if request.headers["authorization"] != f"Bearer {self._key}":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        if faults := _faults(body):
            return _error(400, faults, "invalid_request_error")
        if body["model"] != self._model:
            return _error(404, f"The model {body['model']!r} does not exist", "model_not_found")
        dimensions = body.get("dimensions", self._dimensions)
        answer = CreateEmbeddingResponse(
            object="list",
            model=self._model,
            data=[
                Embedding(object="embedding", index=number, embedding=meaning(text, dimensions).tolist())
                for number, text in enumerate(body["input"])
            ],
            usage=Usage(prompt_tokens=1, total_tokens=1),
        )
        return JSONResponse(answer.model_dump())


def _faults(body: dict[str, Any]) -> str:
    unknown = set(body) - set(get_type_hints(EmbeddingCreateParams))
    if unknown:
        return f"Unrecognized request arguments: {unknown}"
    texts = body.get("input")
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        return "'$.input' is invalid"
    if body.get("encoding_format") != "float":
        return "this server knows 'float' alone"
    return ""


def _error(status: int, message: str, code: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status)
