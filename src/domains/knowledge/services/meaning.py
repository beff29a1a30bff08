"""Which model's vectors are searched: the one in use, or its predecessor while documents are embedded anew."""

from collections.abc import Callable, Sequence

from src.domains.knowledge.repositories.vectors import VectorRepository
from src.domains.knowledge.services.ports import Embedder, VectorIndex
from src.domains.knowledge.services.replicas import IndexReplica
from src.domains.knowledge.services.retrieval import MeaningArm
from src.infrastructure.database.database import Database


class MeaningArms:
    """The model in use with its index, and during a change of models the one before.

    `index_of` opens the index of a model by its name, `embedder_of` makes an embedder of an earlier name
    again, or returns None when that is no longer to be had: the search then goes by words until the new
    vectors are there.
    """

    def __init__(
        self,
        database: Database,
        current: Embedder | None,
        index_of: Callable[[str], VectorIndex],
        embedder_of: Callable[[str], Embedder | None],
    ) -> None:
        self._database = database
        self._current = current
        self._index_of = index_of
        self._embedder_of = embedder_of
        self._arms: list[MeaningArm] = []

    async def prepare(self) -> Sequence[IndexReplica]:
        """Open the indexes; return what keeps each in step, the model's in use first."""
        if self._current is None:
            return []
        known = await self._database.read(lambda uow: VectorRepository(uow).models())
        embedders = [self._current]
        if earlier := next((name for name in known if name != self._current.name), None):
            embedders += filter(None, [self._embedder_of(earlier)])
        self._arms = [MeaningArm(each, self._index_of(each.name)) for each in embedders]
        return [IndexReplica(self._database, arm.index, arm.embedder.name) for arm in self._arms]

    def serving(self) -> MeaningArm | None:
        """Return the model whose vectors cover the most passages; the one in use, when they are as many."""
        return max(self._arms, key=lambda arm: arm.index.size, default=None)

    async def close(self) -> None:
        """Save the indexes for the next start, and let the embedder before go."""
        for arm in self._arms:
            arm.index.close()
            if arm.embedder is not self._current:
                await arm.embedder.close()
