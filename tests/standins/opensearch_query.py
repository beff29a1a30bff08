"""The part of OpenSearch's query language that is used here, checked strictly and really evaluated."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import snowballstemmer

from src.shared.language import search_terms

MAX_CLAUSES = 1_024
MAX_TERMS = 65_536
_stem = snowballstemmer.stemmer("english").stemWord


class Refused(Exception):
    """What OpenSearch answers to a request that it does not take."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}


def parsing(reason: str) -> Refused:
    return Refused(400, "parsing_exception", reason)


def known(given: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    if unknown := set(given) - set(allowed):
        raise parsing(f"[{where}] unknown fields {sorted(unknown)}")


def korean(text: str) -> list[str]:
    """Take a text apart as nori does, which has the same dictionary as the house's own analyser."""
    return search_terms(text)


def english(text: str) -> list[str]:
    return [_stem(word) for word in re.findall(r"\w+", text.lower())]


@dataclass
class Shelf:
    """What can be searched: documents by id, and how each of their fields is read."""

    documents: Mapping[str, Mapping[str, Any]]
    analysers: Mapping[str, Callable[[str], list[str]]]
    """By the full name of a text field ("text.english")."""
    types: Mapping[str, str]
    """By the name of a field."""


@dataclass
class Found:
    score: float = 0.0
    names: list[str] = field(default_factory=list)


Results = dict[str, Found]


def search(shelf: Shelf, body: Mapping[str, Any]) -> list[tuple[str, Found]]:
    """Return ids with what was found, best first."""
    known(body, {"query", "size", "_source"}, "search")
    if not 0 <= body["size"] <= 10_000:
        raise Refused(400, "illegal_argument_exception", "Result window is too large")
    if _clauses(shelf, body["query"]) > MAX_CLAUSES:
        raise Refused(400, "search_phase_execution_exception", "too_many_nested_clauses")
    found = evaluate(shelf, body["query"])
    return sorted(found.items(), key=lambda each: (-each[1].score, each[0]))[: body["size"]]


def evaluate(shelf: Shelf, query: Mapping[str, Any]) -> Results:
    if len(query) != 1:
        raise parsing(f"[query] malformed, one clause is wanted, not {list(query)}")
    ((kind, body),) = query.items()
    if kind not in _CLAUSES:
        raise parsing(f"unknown query [{kind}]")
    return _CLAUSES[kind](shelf, body)


def _bool(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    known(body, {"should", "filter", "must_not", "minimum_should_match"}, "bool")
    wanted = body.get("minimum_should_match", 0 if "filter" in body else 1)
    optional = [evaluate(shelf, each) for each in body.get("should", ())]
    required = [evaluate(shelf, each) for each in body.get("filter", ())]
    forbidden = [evaluate(shelf, each) for each in body.get("must_not", ())]
    results: Results = {}
    for key in shelf.documents:
        matching = [each[key] for each in optional if key in each]
        enough = not optional or len(matching) >= wanted
        if enough and all(key in each for each in required) and not any(key in each for each in forbidden):
            names = [name for each in matching for name in each.names]
            results[key] = Found(sum(each.score for each in matching), names)
    return results


def _multi_match(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    known(body, {"query", "fields", "type", "_name"}, "multi_match")
    if body.get("type") != "most_fields":
        raise parsing("only most_fields is built here")
    results: Results = {}
    for name, boost in map(_boosted, body["fields"]):
        for key, score in _bm25(shelf, name, body["query"]).items():
            found = results.setdefault(key, Found(names=[body["_name"]] if "_name" in body else []))
            found.score += boost * score
    return results


def _boosted(name: str) -> tuple[str, float]:
    name, _, boost = name.partition("^")
    return name, float(boost or 1)


def _bm25(shelf: Shelf, name: str, text: str) -> dict[str, float]:
    if name not in shelf.analysers:
        raise parsing(f"no text field [{name}]")
    analyse = shelf.analysers[name]
    terms = {key: Counter(analyse(source[name.split(".")[0]])) for key, source in shelf.documents.items()}
    scores: dict[str, float] = {}
    for term in analyse(text):
        having = [key for key, counts in terms.items() if term in counts]
        rarity = math.log(1 + (len(terms) - len(having) + 0.5) / (len(having) + 0.5))
        for key in having:
            scores[key] = scores.get(key, 0) + rarity * terms[key][term] / (terms[key][term] + 1.2)
    return scores


def _terms(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    ((name, values),) = body.items()
    if shelf.types.get(name) != "keyword" or not isinstance(values, list) or len(values) > MAX_TERMS:
        raise parsing(f"[terms] wants at most {MAX_TERMS} values of a keyword, not {name}")
    return {key: Found() for key, source in shelf.documents.items() if source[name] in values}


def _term(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    ((name, value),) = body.items()
    return _terms(shelf, {name: [value]})


def _ids(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    known(body, {"values"}, "ids")
    return {key: Found() for key in body["values"] if key in shelf.documents}


def _knn(shelf: Shelf, body: Mapping[str, Any]) -> Results:
    ((name, asked),) = body.items()
    known(asked, {"vector", "k", "filter"}, "knn")
    if shelf.types.get(name) != "knn_vector":
        reason = f"failed to create query: Field '{name}' is not knn_vector type."
        raise Refused(400, "query_shard_exception", reason)
    question = np.array(asked["vector"])
    within = evaluate(shelf, asked["filter"])
    near = {
        key: Found((1 + _cosine(question, np.array(shelf.documents[key][name]))) / 2)
        for key in within
        if name in shelf.documents[key]
    }
    best = sorted(near, key=lambda key: -near[key].score)[: asked["k"]]
    return {key: near[key] for key in best}


def _cosine(one: Any, other: Any) -> float:
    if one.shape != other.shape:
        raise Refused(400, "query_shard_exception", "Query vector has invalid dimension")
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def _clauses(shelf: Shelf, query: Any) -> int:
    """Count terms in fields, as Lucene does before it searches."""
    if isinstance(query, list):
        return sum(_clauses(shelf, each) for each in query)
    if not isinstance(query, dict):
        return 0
    if "multi_match" in query:
        asked = query["multi_match"]
        names = [_boosted(each)[0] for each in asked["fields"]]
        return sum(len(shelf.analysers[name](asked["query"])) for name in names if name in shelf.analysers)
    return sum(_clauses(shelf, each) for each in query.values())


_CLAUSES: dict[str, Callable[[Shelf, Mapping[str, Any]], Results]] = {
    "bool": _bool,
    "multi_match": _multi_match,
    "terms": _terms,
    "term": _term,
    "ids": _ids,
    "knn": _knn,
}
