"""Embedders by name, so that one of an earlier name can still be had while everything is indexed anew.

A name is `<provider>:<model>`, with `@<dimensions>` behind it where the model leaves a choice: what makes
vectors compare stands in it. An embedder's own `name` is its name here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from src.domains.knowledge.services.ports import Embedder
from src.infrastructure.embeddings.options import OpenAIServer, Patience
from src.infrastructure.embeddings.resting import RestingEmbedder
from src.infrastructure.outside.places import AwsPlace


@dataclass(frozen=True)
class EmbedderSources:
    """Where embedders come from: `embedded(model)` makes one of this machine, the others are services."""

    embedded: Callable[[str], Embedder]
    aws: AwsPlace
    openai: OpenAIServer | None = None
    patience: Patience = field(default_factory=Patience)


def embedder_by_name(name: str, sources: EmbedderSources) -> Embedder | None:
    """Return the embedder of this name, or None for "none". No service is spoken to yet.

    Raises `ValueError`, with what to do, for a name that no embedder here has.
    """
    if name == "none":
        return None
    provider, _, model = name.partition(":")
    make = _MAKERS.get(provider)
    if make is None or (provider != "embedded" and not model):
        raise ValueError(
            f"{name!r} is no embedder: say 'none', 'embedded', 'bedrock:<model>' or 'openai:<model>'."
        )
    return make(model, sources)


def _embedded(model: str, sources: EmbedderSources) -> Embedder:
    return sources.embedded(model)


def _bedrock(model: str, sources: EmbedderSources) -> Embedder:
    # Each library is loaded for those who use it alone.
    from src.infrastructure.embeddings.bedrock import BedrockEmbedder

    model, dimensions = _without_dimensions(model)
    embedder = BedrockEmbedder(model, sources.aws, dimensions, sources.patience)
    return RestingEmbedder(embedder, sources.patience.rest_seconds)


def _openai(model: str, sources: EmbedderSources) -> Embedder:
    from src.infrastructure.embeddings.openai_compatible import OpenAICompatibleEmbedder

    if sources.openai is None:
        raise ValueError(f"The address of the server for {model!r} is not known: set EMBEDDINGS__BASE_URL.")
    model, dimensions = _without_dimensions(model)
    embedder = OpenAICompatibleEmbedder(model, sources.openai, dimensions, sources.patience)
    return RestingEmbedder(embedder, sources.patience.rest_seconds)


def _without_dimensions(model: str) -> tuple[str, int | None]:
    """Split "model@256"; what follows another "@" belongs to the model's name."""
    name, _, dimensions = model.rpartition("@")
    return (name, int(dimensions)) if name and dimensions.isdecimal() else (model, None)


_MAKERS = {"embedded": _embedded, "bedrock": _bedrock, "openai": _openai}
