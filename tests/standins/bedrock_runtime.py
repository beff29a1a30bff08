"""Stands in for Bedrock's InvokeModel with the models for embeddings, as their pages describe them."""

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.aws import Contract
from tests.standins.serving import Door, meaning

TITAN_TOKENS = 8_192
COHERE_TEXTS = 96
COHERE_3_CHARACTERS = 2_048
PURPOSES = ("search_document", "search_query", "classification", "clustering")


class Invalid(Exception):
    """The model does not take the request."""


class BedrockRuntimeStandIn:
    def __init__(self, region: str = "ap-northeast-2") -> None:
        self._contract = Contract("bedrock-runtime", region)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.door = Door(Starlette(routes=[Route("/model/{model}/invoke", self._invoke, methods=["POST"])]))

    async def _invoke(self, request: Request) -> Response:
        model, body = request.path_params["model"], await request.body()
        headers = {
            "contentType": request.headers["content-type"],
            "accept": request.headers["accept"],
        }
        refusal = self._contract.refusal(request, "InvokeModel", {"modelId": model, "body": body, **headers})
        if refusal:
            return refusal
        if headers != {"contentType": "application/json", "accept": "application/json"}:
            return self._contract.error("ValidationException", "JSON is wanted")
        asked = json.loads(body)
        self.asked.append((model, asked))
        answer = MODELS.get(model)
        if answer is None:
            return self._contract.error("ResourceNotFoundException", f"Could not resolve the model {model}")
        try:
            return Response(json.dumps(answer(asked)), media_type="application/json")
        except Invalid as fault:
            return self._contract.error("ValidationException", str(fault))


def _titan_2(asked: dict[str, Any]) -> dict[str, Any]:
    _known(asked, {"inputText", "dimensions", "normalize", "embeddingTypes"})
    text = asked.get("inputText")
    _must(isinstance(text, str) and bool(text), "inputText: expected minLength: 1")
    # A Korean syllable may be two tokens.
    tokens = sum(1 if letter.isascii() else 2 for letter in str(text))
    _must(tokens <= TITAN_TOKENS, f"Too many input tokens. Max input tokens: {TITAN_TOKENS}")
    dimensions = asked.get("dimensions", 1024)
    _must(dimensions in (256, 512, 1024), "dimensions")
    vector = meaning(str(text), dimensions).tolist()
    return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": tokens}


def _cohere_3(asked: dict[str, Any]) -> dict[str, Any]:
    _known(asked, {"texts", "input_type", "truncate", "embedding_types"})
    texts = _cohere_texts(asked, ("NONE", "START", "END"))
    _must(all(len(text) <= COHERE_3_CHARACTERS for text in texts), "texts: expected maxLength: 2048")
    vectors = [meaning(text, 1024).tolist() for text in texts]
    return {"id": "1", "response_type": "embeddings_floats", "embeddings": vectors, "texts": texts}


def _cohere_4(asked: dict[str, Any]) -> dict[str, Any]:
    known = {"texts", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"}
    _known(asked, known)
    texts = _cohere_texts(asked, ("NONE", "LEFT", "RIGHT"))
    dimensions = asked.get("output_dimension", 1536)
    _must(dimensions in (256, 512, 1024, 1536), "output_dimension")
    _must(asked.get("embedding_types") == ["float"], "only floats are made here")
    vectors = [meaning(text, dimensions).tolist() for text in texts]
    return {
        "id": "1",
        "response_type": "embeddings_by_type",
        "embeddings": {"float": vectors},
        "texts": texts,
    }


def _cohere_texts(asked: dict[str, Any], cuts: tuple[str, ...]) -> list[str]:
    _must(asked.get("input_type") in PURPOSES, "input_type")
    _must(asked.get("truncate", "NONE") in cuts, "truncate")
    texts = asked.get("texts")
    _must(isinstance(texts, list) and 1 <= len(texts) <= COHERE_TEXTS, "texts: expected 1 to 96")
    return list(texts or ())


def _known(asked: dict[str, Any], keys: set[str]) -> None:
    _must(set(asked) <= keys, f"extraneous key {set(asked) - keys} is not permitted")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Invalid(f"Malformed input request: {otherwise}")


MODELS = {
    "amazon.titan-embed-text-v2:0": _titan_2,
    "cohere.embed-multilingual-v3": _cohere_3,
    "cohere.embed-v4:0": _cohere_4,
    "global.cohere.embed-v4:0": _cohere_4,
}
