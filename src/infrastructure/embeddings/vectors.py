"""What adapters of embeddings share: batches, and vectors of length 1."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.infrastructure.outside.faults import malformed, together


def cut(text: str, characters: int) -> str:
    """Return the beginning of the text; never nothing, which no service takes."""
    return text[:characters].strip() or "."


async def in_batches(
    texts: Sequence[str],
    size: int,
    embed: Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]],
    *,
    at_once: int,
) -> list[NDArray[np.float32]]:
    """Return the vectors of the texts, a matrix for each batch, in order."""
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    return await together([partial(embed, batch) for batch in batches], at_once=at_once)


def unit_rows(rows: Any, count: int, dimensions: int) -> NDArray[np.float32]:
    """Return the rows with length 1; `dimensions` may be 0 when it is not known yet.

    Raises `ServiceFault` for what is not `count` vectors of that many numbers.
    """
    try:
        vectors = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise malformed(str(error)) from error
    if vectors.ndim != 2 or len(vectors) != count or vectors.shape[1] != (dimensions or vectors.shape[1]):
        raise malformed(f"{count} vectors of {dimensions or 'some'} numbers are wanted, not {vectors.shape}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise malformed("a vector has no length")
    return np.asarray(vectors / lengths, dtype=np.float32)
