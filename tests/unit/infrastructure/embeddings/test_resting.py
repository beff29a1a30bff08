"""A service that does not serve is left alone for a while."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from src.domains.knowledge.services.ports import EmbedderUnavailable, Vector
from src.infrastructure.embeddings.resting import RestingEmbedder


class Service:
    name = "test:service"
    dimensions = 2

    def __init__(self) -> None:
        self.works = True
        self.asked = 0
        self.closed = False

    async def query(self, text: str) -> Vector:
        self.asked += 1
        if not self.works:
            raise EmbedderUnavailable("down")
        return np.array([1.0, 0.0], np.float32)

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 2), np.float32)

    async def close(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_after_a_failure_questions_do_not_wait_for_the_service() -> None:
    service, clock = Service(), Clock()
    embedder = RestingEmbedder(service, 10.0, clock)
    service.works = False
    for _ in range(3):
        with pytest.raises(EmbedderUnavailable):
            await embedder.query("leave")
    assert service.asked == 1
    assert len(await embedder.passages(["leave"])) == 1


async def test_after_its_rest_the_service_is_asked_again() -> None:
    service, clock = Service(), Clock()
    embedder = RestingEmbedder(service, 10.0, clock)
    service.works = False
    with pytest.raises(EmbedderUnavailable):
        await embedder.query("leave")
    service.works = True
    clock.now = 10.0
    assert len(await embedder.query("leave")) == 2


async def test_it_has_the_services_name_and_closes_it() -> None:
    service = Service()
    embedder = RestingEmbedder(service, 10.0)
    await embedder.close()
    assert (embedder.name, embedder.dimensions, service.closed) == ("test:service", 2, True)
