"""What OpenSearch is told and asked, in its own words."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from src.domains.knowledge.services.ports import IndexedPassage, Vector

# Every word becomes a few terms in each of four fields, and a query may have 1,024 of them in all.
MAX_QUERY_WORDS = 40
MAX_QUERY_CHARACTERS = 400
HEADING_BOOST = 2

_FIELDS = [
    f"heading^{HEADING_BOOST}",
    f"heading.english^{HEADING_BOOST}",
    "text",
    "text.english",
]


def index_settings() -> dict[str, Any]:
    """Return how texts are taken apart: Korean by morphemes, compounds whole and in parts; English by stems."""
    return {
        "index": {
            "knn": True,
            "analysis": {
                "tokenizer": {"morphemes": {"type": "nori_tokenizer", "decompound_mode": "mixed"}},
                "filter": {"english_stems": {"type": "stemmer", "language": "english"}},
                "analyzer": {
                    "korean": {
                        "type": "custom",
                        "tokenizer": "morphemes",
                        "filter": ["nori_part_of_speech", "nori_readingform", "lowercase"],
                    },
                    "english_words": {
                        "type": "custom",
                        "tokenizer": "standard",
                        "filter": ["lowercase", "english_stems"],
                    },
                },
            },
        }
    }


def index_mappings() -> dict[str, Any]:
    """Return the fields. The service keeps no text to give back: text always comes from the database."""
    words = {
        "type": "text",
        "analyzer": "korean",
        "fields": {"english": {"type": "text", "analyzer": "english_words"}},
    }
    return {
        "dynamic": "strict",
        "_source": {"includes": ["document_id", "collection_id"]},
        "properties": {
            "document_id": {"type": "keyword"},
            "collection_id": {"type": "keyword"},
            "heading": words,
            "text": words,
        },
    }


def vector_field(embedder_name: str) -> str:
    """Return the field for an embedder's vectors: those of different names do not compare."""
    return "vector_" + re.sub("[^a-z0-9]+", "_", embedder_name.lower())


def vector_mapping(field: str, dimensions: int) -> dict[str, Any]:
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    return {"properties": {field: {"type": "knn_vector", "dimension": dimensions, "method": method}}}


def words_of(query: str) -> list[str]:
    return list(dict.fromkeys(query[:MAX_QUERY_CHARACTERS].split()))[:MAX_QUERY_WORDS]


def by_words(words: Sequence[str], collection_ids: Sequence[UUID], size: int) -> dict[str, Any]:
    """Return the query by BM25; each word has a name, so that a hit tells which of them it has."""
    asked = [
        {"multi_match": {"query": word, "fields": _FIELDS, "type": "most_fields", "_name": word}}
        for word in words
    ]
    query = {"bool": {"should": asked, "minimum_should_match": 1, "filter": [_within(collection_ids)]}}
    return {"query": query, "size": size, "_source": False}


def by_meaning(field: str, vector: Vector, collection_ids: Sequence[UUID], size: int) -> dict[str, Any]:
    """Return the query by nearness; its filter stands inside, or it would be left with too few."""
    nearest = {"vector": vector.tolist(), "k": size, "filter": _within(collection_ids)}
    return {"query": {"knn": {field: nearest}}, "size": size, "_source": False}


def cosine(score: float) -> float:
    """Return the cosine that stands behind a score of the space `cosinesimil`."""
    return 2 * score - 1


def others_of(document_id: UUID, kept: Sequence[UUID]) -> dict[str, Any]:
    """Return the query for a document's passages that are none of these."""
    document: dict[str, Any] = {"filter": [{"term": {"document_id": str(document_id)}}]}
    if kept:
        document["must_not"] = [{"ids": {"values": [str(each) for each in kept]}}]
    return {"query": {"bool": document}}


def indexing(
    passages: Sequence[IndexedPassage], field: str | None, dimensions: int
) -> Iterator[dict[str, Any]]:
    """Yield the lines of a bulk request; a vector of another model is left out."""
    for passage in passages:
        yield {"index": {"_id": str(passage.passage_id)}}
        source: dict[str, Any] = {
            "document_id": str(passage.document_id),
            "collection_id": str(passage.collection_id),
            "heading": f"{passage.title}\n{passage.location}",
            "text": passage.text,
        }
        if field and passage.vector is not None and len(passage.vector) == dimensions:
            source[field] = passage.vector.tolist()
        yield source


def _within(collection_ids: Sequence[UUID]) -> dict[str, Any]:
    return {"terms": {"collection_id": [str(each) for each in collection_ids]}}
