"""Stands in for OpenSearch with its plugins for Korean and for nearest neighbours."""

import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.opensearch_query import Refused, Shelf, english, evaluate, known, korean, parsing, search
from tests.standins.serving import Door

Served = Callable[[Request], Awaitable[Any]]

BUILT_IN_FILTERS = {"lowercase", "nori_part_of_speech", "nori_readingform"}
SPACES = {"lucene": {"l2", "cosinesimil", "innerproduct"}, "faiss": {"l2", "innerproduct", "cosinesimil"}}


class Index:
    """An index: what was written is found after a refresh."""

    def __init__(self, body: dict[str, Any]) -> None:
        known(body, {"settings", "mappings"}, "create index")
        self._analysers = dict(_analysers(body["settings"]["index"]))
        self._nearest = body["settings"]["index"].get("knn", False)
        self.mappings = body["mappings"]
        known(self.mappings, {"dynamic", "_source", "properties"}, "mappings")
        for name, mapping in self.mappings["properties"].items():
            self._check(name, mapping)
        self.written: dict[str, dict[str, Any]] = {}
        self.found: dict[str, dict[str, Any]] = {}

    def map(self, body: dict[str, Any]) -> None:
        known(body, {"properties"}, "mappings")
        for name, mapping in body["properties"].items():
            self._check(name, mapping)
            if self.mappings["properties"].setdefault(name, mapping) != mapping:
                reason = f"Mapper for [{name}] conflicts with existing mapper"
                raise Refused(400, "illegal_argument_exception", reason)

    def refresh(self) -> None:
        self.found = dict(self.written)

    def write(self, key: str, source: dict[str, Any]) -> None:
        properties = self.mappings["properties"]
        for name, value in source.items():
            if name not in properties:
                reason = f"mapping set to strict, dynamic introduction of [{name}] is not allowed"
                raise Refused(400, "strict_dynamic_mapping_exception", reason)
            mapping = properties[name]
            if mapping["type"] == "knn_vector" and len(value) != mapping["dimension"]:
                raise Refused(400, "mapper_parsing_exception", f"Vector dimension mismatch in [{name}]")
        self.written[key] = source

    def shelf(self) -> Shelf:
        analysers, types = {}, {}
        for name, mapping in self.mappings["properties"].items():
            types[name] = mapping["type"]
            if mapping["type"] == "text":
                analysers[name] = self._analysers[mapping["analyzer"]]
            for inner, each in mapping.get("fields", {}).items():
                analysers[f"{name}.{inner}"] = self._analysers[each["analyzer"]]
        return Shelf(self.found, analysers, types)

    def _check(self, name: str, mapping: dict[str, Any]) -> None:
        kind = mapping.get("type")
        if kind == "text":
            known(mapping, {"type", "analyzer", "fields"}, name)
            if mapping["analyzer"] not in self._analysers:
                raise Refused(
                    400, "mapper_parsing_exception", f"analyzer has not been configured for [{name}]"
                )
            for inner, each in mapping.get("fields", {}).items():
                self._check(f"{name}.{inner}", each)
        elif kind == "knn_vector":
            known(mapping, {"type", "dimension", "method"}, name)
            self._check_nearest(mapping)
        elif kind != "keyword" or set(mapping) != {"type"}:
            raise Refused(400, "mapper_parsing_exception", f"No handler for type [{kind}] on field [{name}]")

    def _check_nearest(self, mapping: dict[str, Any]) -> None:
        method = mapping["method"]
        known(method, {"name", "engine", "space_type", "parameters"}, "method")
        fits = method["name"] == "hnsw" and method["space_type"] in SPACES.get(method["engine"], set())
        if not self._nearest or not fits or not 1 <= mapping["dimension"] <= 16_000:
            raise Refused(400, "mapper_parsing_exception", f"Cannot map {mapping}")


def _analysers(settings: dict[str, Any]) -> Iterator[tuple[str, Callable[[str], list[str]]]]:
    """Yield the analysers that an index defines; nothing they are made of may be missing."""
    known(settings, {"knn", "analysis"}, "index")
    analysis = settings["analysis"]
    known(analysis, {"tokenizer", "filter", "analyzer"}, "analysis")
    for name, each in analysis["analyzer"].items():
        tokenizer = analysis["tokenizer"].get(each["tokenizer"], {"type": each["tokenizer"]})
        filters = BUILT_IN_FILTERS | set(analysis["filter"])
        if each["type"] != "custom" or not set(each["filter"]) <= filters:
            raise Refused(
                400, "illegal_argument_exception", f"Custom Analyzer [{name}] failed to find filter"
            )
        if tokenizer == {"type": "nori_tokenizer", "decompound_mode": "mixed"}:
            yield name, korean
        elif tokenizer == {"type": "standard"} and "english_stems" in each["filter"]:
            yield name, english
        else:
            raise Refused(400, "illegal_argument_exception", f"failed to find tokenizer under [{tokenizer}]")


class OpenSearchStandIn:
    def __init__(self, username: str = "", password: str = "") -> None:
        self._basic = base64.b64encode(f"{username}:{password}".encode()).decode() if username else ""
        self.indices: dict[str, Index] = {}
        self.refused_lines: dict[str, dict[str, Any]] = {}
        """Refusals of lines of the next bulk request, by id."""
        routes = [
            self._route("HEAD", "/{index}", self._exists),
            self._route("PUT", "/{index}", self._create),
            self._route("PUT", "/{index}/_mapping", self._map),
            self._route("POST", "/{index}/_refresh", self._refresh),
            self._route("POST", "/{index}/_delete_by_query", self._delete_by_query),
            self._route("POST", "/{index}/_bulk", self._bulk),
            self._route("POST", "/_msearch", self._msearch),
        ]
        self.door = Door(Starlette(routes=routes))

    def _route(self, method: str, path: str, serve: Served) -> Route:
        async def answer(request: Request) -> Response:
            try:
                if self._basic and request.headers.get("authorization") != f"Basic {self._basic}":
                    raise Refused(401, "security_exception", "Unauthorized")
                return JSONResponse(await serve(request))
            except Refused as refused:
                return JSONResponse({"error": refused.error, "status": refused.status}, refused.status)

        return Route(path, answer, methods=[method])

    def _named(self, name: str) -> Index:
        if name not in self.indices:
            raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
        return self.indices[name]

    def _of(self, request: Request) -> Index:
        return self._named(request.path_params["index"])

    async def _exists(self, request: Request) -> Any:
        self._of(request)

    async def _create(self, request: Request) -> Any:
        name = request.path_params["index"]
        if name in self.indices:
            raise Refused(400, "resource_already_exists_exception", f"index [{name}] already exists")
        self.indices[name] = Index(json.loads(await _body(request)))
        return {"acknowledged": True, "index": name}

    async def _map(self, request: Request) -> Any:
        self._of(request).map(json.loads(await _body(request)))
        return {"acknowledged": True}

    async def _refresh(self, request: Request) -> Any:
        self._of(request).refresh()
        return {"_shards": {"failed": 0}}

    async def _delete_by_query(self, request: Request) -> Any:
        index, body = self._of(request), json.loads(await _body(request))
        known(body, {"query"}, "delete_by_query")
        known(request.query_params, {"conflicts", "refresh"}, "delete_by_query")
        gone = evaluate(index.shelf(), body["query"])
        for key in gone:
            index.written.pop(key, None)
        if request.query_params.get("refresh") == "true":
            index.refresh()
        return {"deleted": len(gone), "version_conflicts": 0, "failures": []}

    async def _bulk(self, request: Request) -> Any:
        lines = await _lines(request)
        items = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            known(action, {"index"}, "bulk")
            known(action["index"], {"_id"}, "index")
            items.append({"index": self._written(request, action["index"]["_id"], source)})
        return {"errors": any("error" in item["index"] for item in items), "items": items}

    def _written(self, request: Request, key: str, source: dict[str, Any]) -> dict[str, Any]:
        if refusal := self.refused_lines.pop(key, None):
            return {"_id": key, **refusal}
        try:
            self._of(request).write(key, source)
        except Refused as refused:
            return {"_id": key, "status": refused.status, "error": refused.error}
        return {"_id": key, "status": 201, "result": "created"}

    async def _msearch(self, request: Request) -> Any:
        lines = await _lines(request)
        return {"responses": [self._answer(*each) for each in zip(lines[::2], lines[1::2], strict=True)]}

    def _answer(self, header: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        known(header, {"index", "ignore_unavailable"}, "msearch")
        try:
            if header["index"] not in self.indices and header.get("ignore_unavailable"):
                return {"hits": {"hits": []}, "status": 200}
            found = search(self._named(header["index"]).shelf(), body)
        except Refused as refused:
            return {"error": refused.error, "status": refused.status}
        hits = [
            {"_index": header["index"], "_id": key, "_score": each.score}
            | ({"matched_queries": each.names} if each.names else {})
            for key, each in found
        ]
        return {"timed_out": False, "hits": {"hits": hits}, "status": 200}


async def _body(request: Request) -> str:
    return (await request.body()).decode()


async def _lines(request: Request) -> list[Any]:
    text = await _body(request)
    if not text.endswith("\n"):
        raise Refused(400, "illegal_argument_exception", "The request must be terminated by a newline [\\n]")
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise parsing(str(error)) from error
