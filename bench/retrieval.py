"""`make bench-retrieval`: how well passages are found, by each arm of the search and by both.

A question file has a line for each question: `{"id": ..., "query": ..., "positive": [text, ...]}`. All its
positive passages are indexed, or those of `--passages`, a file with the same ids in another language. Vectors
are computed once and kept under build/.
"""

import argparse
import asyncio
import hashlib
import json
import math
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from bench import report
from bench.machine import memory_mb
from bench.server import ROOT
from src.domains.knowledge.services import retrieval
from src.domains.knowledge.services.fusion import CROWD, fuse
from src.domains.knowledge.services.ports import IndexedPassage, Scored, Vector
from src.domains.knowledge.services.retrieval import HybridFinder, MeaningArm, RetrievalCounts, VectorLimits
from src.infrastructure.embeddings.embedded import EmbeddedEmbedder
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.search.vectors import UsearchVectorIndex
from src.shared.language import search_terms

BUILD = ROOT / "build"
SPACE = UUID(int=0)
DEPTH = 10
Find = Callable[[str], Awaitable[list[UUID]]]


@dataclass(frozen=True)
class Task:
    """Questions, the passages that are searched, and which of them answer each question."""

    queries: list[str]
    passages: list[str]
    relevant: list[frozenset[UUID]]


class Remembered:
    """Implements `Embedder` with vectors computed before, so that times are those of the search alone."""

    name = EmbeddedEmbedder.name
    dimensions = EmbeddedEmbedder.dimensions

    def __init__(self, vectors: dict[str, Vector]) -> None:
        self._vectors = vectors

    async def query(self, text: str) -> Vector:
        return self._vectors[text]

    async def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])

    async def close(self) -> None:
        """Nothing is open."""


def load(questions: Path, passages: Path | None) -> Task:
    rows = [json.loads(line) for line in questions.open(encoding="utf-8")]
    answers = {row["id"]: row["positive"] for row in rows}
    if passages:
        others = [json.loads(line) for line in passages.open(encoding="utf-8")]
        answers = {row["id"]: row["positive"] for row in others}
    texts = list(dict.fromkeys(text for each in answers.values() for text in each))
    relevant = [frozenset(map(passage_id, answers[row["id"]])) for row in rows]
    return Task([row["query"] for row in rows], texts, relevant)


def passage_id(text: str) -> UUID:
    return uuid5(SPACE, text)


def blanks(text: str) -> list[str]:
    return text.lower().split()


def bigrams(text: str) -> list[str]:
    """Cut every word into pairs of letters: what needs no dictionary."""
    return [word[at : at + 2] for word in text.lower().split() for at in range(max(1, len(word) - 1))]


async def vectors_of(task: Task) -> tuple[dict[str, Vector], NDArray[np.float32], float]:
    """Return the vectors of questions and of passages, and how long a question takes in ms."""
    embedder = EmbeddedEmbedder()
    await embedder.query("warm")
    started = time.perf_counter()
    queries = {query: await embedder.query(query) for query in dict.fromkeys(task.queries[:200])}
    took = (time.perf_counter() - started) / len(queries) * 1000
    rest = [query for query in dict.fromkeys(task.queries) if query not in queries]
    queries |= {query: await embedder.query(query) for query in rest}
    return queries, await kept_vectors(embedder, task.passages), took


async def kept_vectors(embedder: EmbeddedEmbedder, texts: list[str]) -> NDArray[np.float32]:
    digest = hashlib.sha256("\0".join([embedder.name, *texts]).encode()).hexdigest()[:16]
    file = BUILD / f"vectors-{digest}.npy"
    if not file.exists():
        print(f"Computing the vectors of {len(texts):,} passages ...", flush=True)
        started, batches = time.perf_counter(), range(0, len(texts), 32)
        made = np.concatenate([await embedder.passages(texts[at : at + 32]) for at in batches])
        print(f"{len(texts) / (time.perf_counter() - started):.1f} passages a second", flush=True)
        BUILD.mkdir(exist_ok=True)
        np.save(file, made)
    kept: NDArray[np.float32] = np.load(file)
    return kept


def word_index(folder: Path, analyse: Callable[[str], list[str]], passages: list[str]) -> TantivyPassageIndex:
    index = TantivyPassageIndex(folder, analyse)
    for text in passages:
        index.replace(passage_id(text), [_indexed(text, None)])
    index.commit(1)
    return index


def vector_index(folder: Path, passages: list[str], vectors: NDArray[np.float32]) -> UsearchVectorIndex:
    index = UsearchVectorIndex(folder)
    for text, vector in zip(passages, vectors, strict=True):
        index.replace(passage_id(text), [_indexed(text, vector)])
    index.commit(1)
    return index


def _indexed(text: str, vector: Vector | None) -> IndexedPassage:
    return IndexedPassage(passage_id(text), passage_id(text), SPACE, "", "", text, vector)


async def measure(find: Find, task: Task) -> list[float]:
    """Return recall at 1, 5 and 10, MRR and nDCG at 10, and milliseconds: median and 95th percentile."""
    figures, times = [], []
    for query, relevant in zip(task.queries, task.relevant, strict=True):
        started = time.perf_counter()
        found = (await find(query))[:DEPTH]
        times.append((time.perf_counter() - started) * 1000)
        figures.append(_figures(found, relevant))
    cuts = quantiles(times, n=20)
    return [*(mean(column) for column in zip(*figures, strict=True)), cuts[9], cuts[18]]


def _figures(found: list[UUID], relevant: frozenset[UUID]) -> tuple[float, ...]:
    """At 1: whether the first one is right. At 5 and 10: the share of the right ones that is there."""
    ranks = [rank for rank, each in enumerate(found) if each in relevant]
    most = min(len(relevant), DEPTH)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(most))
    return (
        float(bool(ranks) and ranks[0] == 0),
        sum(rank < 5 for rank in ranks) / min(len(relevant), 5),
        len(ranks) / most,
        1 / (ranks[0] + 1) if ranks else 0.0,
        sum(1 / math.log2(rank + 2) for rank in ranks) / ideal,
    )


def _ids(scored: Sequence[Scored]) -> list[UUID]:
    return [each for each, _score in scored]


async def compare(task: Task, folder: Path) -> None:
    queries, vectors, question_ms = await vectors_of(task)
    rows: list[list[object]] = []

    async def add(name: str, find: Find, memory: float) -> None:
        rows.append([name, *(await measure(find, task)), memory])

    def by_words(index: TantivyPassageIndex) -> Find:
        async def find(query: str) -> list[UUID]:
            return _ids(index.search(query, [SPACE], CROWD).scored)

        return find

    for name, analyse in (("blanks", blanks), ("bigrams", bigrams)):
        await add(name, by_words(word_index(folder / name, analyse, task.passages)), 0.0)
    before = memory_mb()
    words = word_index(folder / "words", search_terms, task.passages)
    await add("words", by_words(words), memory_mb() - before)
    before = memory_mb()
    index = vector_index(folder / "vectors", task.passages, vectors)
    memory = memory_mb() - before

    async def by_meaning(query: str) -> list[UUID]:
        return _ids(index.search(queries[query], [SPACE], CROWD))

    async def by_both(query: str) -> list[UUID]:
        found = words.search(query, [SPACE], CROWD)
        return [hit.passage_id for hit in fuse(found, index.search(queries[query], [SPACE], CROWD), DEPTH)]

    counts, arm = RetrievalCounts(), MeaningArm(Remembered(queries), index)
    finder = HybridFinder(words, lambda: arm, VectorLimits(seconds=60.0), counts)

    async def ours(query: str) -> list[UUID]:
        return [hit.passage_id for hit in await finder.find(query, [SPACE], DEPTH)]

    await add("meaning", by_meaning, memory)
    await add("both, always", by_both, 0.0)
    await add("as searched", ours, 0.0)
    columns = ("arm", "R@1", "R@5", "R@10", "MRR@10", "nDCG@10", "ms p50", "ms p95", "MB")
    shown = [[row[0], *(f"{figure:.3f}" for figure in row[1:6]), *row[6:]] for row in rows]
    report.show_table(f"{len(task.queries):,} questions, {len(task.passages):,} passages", columns, shown)
    decided = counts.decided / len(task.queries)
    print(
        f"\nA question's vector takes {question_ms:.1f} ms more. Decided by words alone "
        f"(margin {retrieval.DECISIVE_MARGIN}, coverage {retrieval.DECISIVE_COVERAGE}): {decided:.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-retrieval", description=__doc__)
    parser.add_argument("questions", type=Path, help="a question file")
    parser.add_argument("--passages", type=Path, help="where the passages are, in another language")
    options = parser.parse_args(sys.argv[1:])
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=BUILD) as folder:
        asyncio.run(compare(load(options.questions, options.passages), Path(folder)))


if __name__ == "__main__":
    main()
