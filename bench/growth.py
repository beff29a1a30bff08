"""`make bench-growth`: how a search on this machine grows with the passages it looks through.

Passages are made of sentences of `languages.jsonl`, cut into terms beforehand, with vectors scattered around
theirs: the indexes see as many terms and as near neighbours as with real ones. Questions are that file's.
A question's analysis is part of the time, its vector is not.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from bench import report
from bench.machine import memory_mb
from bench.retrieval import BUILD, Remembered, kept_vectors
from src.domains.knowledge.services.fusion import CROWD
from src.domains.knowledge.services.ports import IndexedPassage, Vector
from src.domains.knowledge.services.retrieval import HybridFinder, MeaningArm, RetrievalCounts, VectorLimits
from src.infrastructure.embeddings.embedded import EmbeddedEmbedder
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.shared.language import search_terms

SOURCE = Path(__file__).with_name("languages.jsonl")
SENTENCES, COLLECTIONS, DOCUMENT = 6, 20, 50
SPREAD = 0.04


class Texts:
    """Passages without end, of the terms and near the vectors of real ones."""

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._random = random.Random(1)
        self._numbers = np.random.default_rng(1)
        self._vectors = vectors
        self._sentences = [
            " ".join(search_terms(sentence)) for text in texts for sentence in text.split(". ")
        ]
        self._collections = [uuid4() for _ in range(COLLECTIONS)]

    @property
    def collections(self) -> list[UUID]:
        return self._collections

    def document(self) -> list[IndexedPassage]:
        document_id, collection_id = uuid4(), self._random.choice(self._collections)
        return [
            IndexedPassage(uuid4(), document_id, collection_id, "", "", self._terms(), self._vector())
            for _ in range(DOCUMENT)
        ]

    def _terms(self) -> str:
        words = self._random.choices(self._sentences, k=SENTENCES)
        return " ".join([*words, *(f"n{self._random.randrange(10**6)}" for _ in range(8))])

    def _vector(self) -> Vector:
        vector = self._random.choice(self._vectors) + self._numbers.normal(0, SPREAD, self._vectors.shape[1])
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def analyse(text: str) -> list[str]:
    """Cut a question into terms; a passage is cut already."""
    return text.split() if len(text) > 300 else search_terms(text)


async def growth(sizes: Sequence[int], folder: Path) -> None:
    rows = [json.loads(line) for line in SOURCE.open(encoding="utf-8")]
    passages = [row[f"passage_{language}"] for row in rows for language in ("ko", "en")]
    questions = [row[f"question_{language}"] for row in rows for language in ("ko", "en")]
    embedder = EmbeddedEmbedder()
    vectors = {question: await embedder.query(question) for question in questions}
    texts = Texts(passages, await kept_vectors(embedder, passages))
    before = memory_mb()
    words, index = TantivyPassageIndex(folder / "words", analyse), UsearchVectorIndex(folder / "vectors")
    figures: list[list[Any]] = []
    count, building = 0, 0.0
    for size in sizes:
        started = time.perf_counter()
        while count < size:
            document = texts.document()
            words.replace(document[0].document_id, document)
            index.replace(document[0].document_id, document)
            count += len(document)
        words.commit(count)
        index.commit(count)
        building += time.perf_counter() - started
        row = [f"{count:,}", count / building, memory_mb() - before]
        for name, collections in (("all", texts.collections), ("one of 20", texts.collections[:1])):
            figures.append([*row, name, *await _times(words, index, vectors, collections)])
    columns = (
        "passages",
        "added/s",
        "MB",
        "readable",
        "words p50",
        "p95",
        "meaning p50",
        "p95",
        "search p50",
        "p95",
    )
    report.show_table("Milliseconds of a search, without the question's vector", columns, figures)
    words.close()


async def _times(
    words: TantivyPassageIndex,
    index: UsearchVectorIndex,
    vectors: dict[str, Vector],
    collections: Sequence[UUID],
) -> list[float]:
    """Return medians and 95th percentiles: of words, of meaning, and of a search as it is made."""
    arm = MeaningArm(Remembered(vectors), index)
    finder = HybridFinder(words, lambda: arm, VectorLimits(), RetrievalCounts())
    times: list[list[float]] = [[], [], []]
    for question, vector in vectors.items():
        marks = [time.perf_counter()]
        words.search(question, collections, CROWD)
        marks.append(time.perf_counter())
        index.search(vector, collections, CROWD)
        marks.append(time.perf_counter())
        await finder.find(question, collections, 6)
        marks.append(time.perf_counter())
        for at in range(3):
            times[at].append((marks[at + 1] - marks[at]) * 1000)
    cuts = [quantiles(each, n=20) for each in times]
    return [each[at] for each in cuts for at in (9, 18)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args(sys.argv[1:])
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=BUILD) as folder:
        asyncio.run(growth(options.sizes, Path(folder)))


if __name__ == "__main__":
    main()
