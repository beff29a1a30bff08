"""stub"""

from collections.abc import Sequence

from src.domains.chat.services.citations import Citation


def is_grounded(answer: str, citations: Sequence[Citation]) -> bool:
    return bool(citations)
