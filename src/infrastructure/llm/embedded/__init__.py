"""A grounded answerer on this machine, the default chat model."""

from src.infrastructure.llm.embedded.model import EmbeddedModel

__all__ = ["EmbeddedModel"]
