"""Stands in for a knowledge base of Amazon Bedrock: it takes documents, indexes them a little later, and finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.aws import Contract
from tests.standins.serving import Door, meaning

KNOWLEDGE_BASE, DATA_SOURCE = "KNOWLEDGE1", "DATASOURC1"
DIMENSIONS = 256
NEXT_STATE = {"STARTING": "IN_PROGRESS", "IN_PROGRESS": "INDEXED", "DELETING": "DELETE_IN_PROGRESS"}


@dataclass
class Kept:
    text: str
    metadata: dict[str, str]
    state: str = "STARTING"


class KnowledgeBaseStandIn:
    """`documents` by their ids; each is a step further whenever it is asked after."""

    def __init__(self, region: str = "ap-northeast-2") -> None:
        self._writing = Contract("bedrock-agent", region)
        self._finding = Contract("bedrock-agent-runtime", region)
        self.documents: dict[str, Kept] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.never_indexed = ""
        """The state of documents that go wrong."""
        source = "/knowledgebases/{knowledgeBaseId}/datasources/{dataSourceId}/documents"
        write = self._writing
        routes = [
            self._route("PUT", source, write, "IngestKnowledgeBaseDocuments", self._ingest),
            self._route(
                "POST", f"{source}/deleteDocuments", write, "DeleteKnowledgeBaseDocuments", self._delete
            ),
            self._route("POST", f"{source}/getDocuments", write, "GetKnowledgeBaseDocuments", self._get),
            self._route(
                "POST",
                "/knowledgebases/{knowledgeBaseId}/retrieve",
                self._finding,
                "Retrieve",
                self._retrieve,
            ),
        ]
        self.door = Door(Starlette(routes=routes))

    def index_all(self) -> None:
        for kept in self.documents.values():
            kept.state = "INDEXED"

    def _route(
        self,
        method: str,
        path: str,
        contract: Contract,
        operation: str,
        serve: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> Route:
        async def answer(request: Request) -> Response:
            asked = {**request.path_params, **await request.json()}
            self.asked.append((operation, asked))
            if refusal := contract.refusal(request, operation, asked):
                return refusal
            if (
                asked["knowledgeBaseId"] != KNOWLEDGE_BASE
                or asked.get("dataSourceId", DATA_SOURCE) != DATA_SOURCE
            ):
                return contract.error(
                    "ResourceNotFoundException", "There is no such knowledge base or source."
                )
            return contract.answer(operation, serve(asked))

        return Route(path, answer, methods=[method])

    def _ingest(self, asked: dict[str, Any]) -> dict[str, Any]:
        for document in asked["documents"]:
            custom, attributes = document["content"]["custom"], document["metadata"]["inlineAttributes"]
            self.documents[custom["customDocumentIdentifier"]["id"]] = Kept(
                custom["inlineContent"]["textContent"]["data"],
                {each["key"]: each["value"]["stringValue"] for each in attributes},
            )
        return self._details(
            [each["content"]["custom"]["customDocumentIdentifier"]["id"] for each in asked["documents"]]
        )

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = [each["custom"]["id"] for each in asked["documentIdentifiers"]]
        for key in keys:
            if key in self.documents:
                self.documents[key].state = "DELETING"
        return self._details(keys)

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = [each["custom"]["id"] for each in asked["documentIdentifiers"]]
        for key in keys:
            self._go_on(key)
        return self._details(keys)

    def _go_on(self, key: str) -> None:
        kept = self.documents.get(key)
        if kept and kept.state == "DELETE_IN_PROGRESS":
            del self.documents[key]
        elif kept:
            kept.state = NEXT_STATE.get(kept.state, kept.state)
            if kept.state == "INDEXED":
                kept.state = self.never_indexed or kept.state

    def _details(self, keys: list[str]) -> dict[str, Any]:
        return {
            "documentDetails": [
                {
                    "knowledgeBaseId": KNOWLEDGE_BASE,
                    "dataSourceId": DATA_SOURCE,
                    "identifier": {"dataSourceType": "CUSTOM", "custom": {"id": key}},
                    "status": self.documents[key].state if key in self.documents else "NOT_FOUND",
                }
                for key in keys
            ]
        }

    def _retrieve(self, asked: dict[str, Any]) -> dict[str, Any]:
        search = asked["retrievalConfiguration"]["vectorSearchConfiguration"]
        question = _unit(asked["retrievalQuery"]["text"])
        found = [
            (float(_unit(kept.text) @ question), key, kept)
            for key, kept in self.documents.items()
            if kept.state == "INDEXED" and admits(search["filter"], kept.metadata)
        ]
        best = sorted(found, key=lambda each: each[0], reverse=True)[: search["numberOfResults"]]
        return {
            "retrievalResults": [
                {
                    "content": {"type": "TEXT", "text": kept.text},
                    "location": {"type": "CUSTOM", "customDocumentLocation": {"id": key}},
                    "metadata": {**kept.metadata, "x-amz-bedrock-kb-data-source-id": DATA_SOURCE},
                    "score": score,
                }
                for score, key, kept in best
            ]
        }


def admits(filtered: Mapping[str, Any], metadata: Mapping[str, str]) -> bool:
    """Tell whether a filter lets a document through."""
    ((operator, operand),) = filtered.items()
    if operator in ("andAll", "orAll"):
        every = all if operator == "andAll" else any
        return every(admits(each, metadata) for each in operand)
    value = metadata.get(operand["key"])
    if operator == "equals":
        return bool(value == operand["value"])
    assert operator == "in", f"{operator} is not built here"
    return value in operand["value"]


def _unit(text: str) -> Any:
    vector = meaning(text, DIMENSIONS)
    return vector / np.linalg.norm(vector)
