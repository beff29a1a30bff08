"""The chat models, as the settings name them; their libraries are loaded for those that are named alone."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import ChatModel
from src.infrastructure.llm.embedded import EmbeddedModel
from src.infrastructure.llm.null import NullModel
from src.infrastructure.outside.places import AwsPlace
from src.infrastructure.settings import ModelSettings, Settings

if TYPE_CHECKING:
    from src.infrastructure.operations.tracing import Tracer

Adapter = Callable[[ModelSettings, Settings], ChatModel]


def _embedded(_model: ModelSettings, _settings: Settings) -> ChatModel:
    return EmbeddedModel()


def _null(_model: ModelSettings, _settings: Settings) -> ChatModel:
    return NullModel()


def _openai_compatible(model: ModelSettings, settings: Settings) -> ChatModel:
    from src.infrastructure.llm.openai_compatible import OpenAICompatibleModel

    # An answer, and beside it a title or a summary.
    connections = 2 * settings.chat.max_generations
    return OpenAICompatibleModel(model.model, str(model.base_url), model.api_key, connections=connections)


def _bedrock(model: ModelSettings, settings: Settings) -> ChatModel:
    from src.infrastructure.llm.bedrock import BedrockModel

    chat, place = settings.chat, AwsPlace(settings.bedrock.region, settings.bedrock.endpoint_url)
    return BedrockModel(
        model.model,
        place,
        connections=chat.max_generations,
        silence=max(chat.first_token_seconds, chat.gap_seconds),
    )


_ADAPTERS: dict[str, Adapter] = {
    "embedded": _embedded,
    "null": _null,
    "bedrock": _bedrock,
    "openai_compatible": _openai_compatible,
}


def default_model(settings: Settings) -> ChatModel:
    """Return the adapter of the model that answers where none is chosen."""
    return _adapter(settings.chat.known_models[settings.chat.model], settings)


def offers(settings: Settings, default: ChatModel, tracer: "Tracer | None") -> Offers:
    """Return all models that the settings name."""
    chat, traced = settings.chat, _traced(tracer)
    return Offers(
        [
            Offer(
                name=name,
                label=known.label or name,
                model=traced(default if name == chat.model else _adapter(known, settings)),
                context_tokens=known.context_tokens,
                max_output_tokens=known.max_output_tokens,
                price_in=known.price_in,
                price_out=known.price_out,
                takes_tools=known.tools,
                answers_by_rules=known.provider in ("embedded", "null"),
            )
            for name, known in chat.known_models.items()
        ],
        default=chat.model,
        fallbacks=chat.fallbacks,
        helper=chat.helper_model,
    )


def _traced(tracer: "Tracer | None") -> Callable[[ChatModel], ChatModel]:
    if tracer is None:
        return lambda model: model
    from src.infrastructure.operations.traced_ports import TracedModel

    return partial(TracedModel, tracer)


def _adapter(model: ModelSettings, settings: Settings) -> ChatModel:
    return _ADAPTERS[model.provider](model, settings)
