"""The vectors on this machine, beside a reference that compares each of them."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from src.domains.knowledge.services.ports import IndexedPassage, Scored, Vector
from src.infrastructure.search import vectors
from src.infrastructure.search.vectors import UsearchVectorIndex

DIMENSIONS = 16
COLLECTIONS = [uuid4() for _ in range(4)]
COLLECTION = COLLECTIONS[0]
DOCUMENTS = [uuid4() for _ in range(6)]


def vector(seed: int, dimensions: int = DIMENSIONS) -> Vector:
    numbers = np.random.default_rng(seed).standard_normal(dimensions)
    # As the index keeps them: the reference is not to differ by what 16 bits leave out.
    return (numbers / np.linalg.norm(numbers)).astype(np.float16).astype(np.float32)


def passage(
    seed: int, document: UUID | None = None, collection: UUID = COLLECTION, dimensions: int = DIMENSIONS
) -> IndexedPassage:
    return IndexedPassage(
        uuid4(), document or uuid4(), collection, "", "", str(seed), vector(seed, dimensions)
    )


def add(index: UsearchVectorIndex, *passages: IndexedPassage) -> None:
    for each in passages:
        index.replace(each.document_id, [each])


def exact(passages: Sequence[IndexedPassage], question: Vector, within: Sequence[UUID]) -> dict[UUID, float]:
    return {
        each.passage_id: float(each.vector @ question)
        for each in passages
        if each.collection_id in within and each.vector is not None
    }


def assert_nearest(found: Sequence[Scored], cosines: dict[UUID, float], limit: int) -> None:
    """Check hits against the reference; which of equally near ones come is left open."""
    assert len({passage_id for passage_id, _ in found}) == len(found)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx(sorted(cosines.values(), reverse=True)[:limit], abs=2e-3)
    assert scores == pytest.approx([cosines[passage_id] for passage_id, _ in found], abs=2e-3)


class Laws(RuleBasedStateMachine):
    """Whatever is done to it, the index finds what a list would; a crash takes it back to what it had saved."""

    few, unsaved_least = 10_000, 5

    def __init__(self) -> None:
        super().__init__()
        changed: dict[str, Any] = {
            "_FEW": self.few,
            "_UNSAVED_LEAST": self.unsaved_least,
            "_FIRST_CAPACITY": 4,
        }
        self._patch = patch.multiple(vectors, **changed)
        self._patch.start()
        self.folder = Path(mkdtemp())
        self.index = UsearchVectorIndex(self.folder)
        self.kept: dict[UUID, list[IndexedPassage]] = {}
        self.moment = 0
        self.committed: dict[int | None, dict[UUID, list[IndexedPassage]]] = {None: {}}

    def teardown(self) -> None:
        self._patch.stop()
        shutil.rmtree(self.folder)

    @rule(
        document=st.sampled_from(DOCUMENTS),
        collection=st.sampled_from(COLLECTIONS),
        seeds=st.lists(st.integers(0, 40), max_size=12),
    )
    def replace_document(self, document: UUID, collection: UUID, seeds: list[int]) -> None:
        without = IndexedPassage(uuid4(), document, collection, "", "", "without a vector")
        passages = [passage(seed, document, collection) for seed in seeds]
        self.index.replace(document, [*passages, without])
        self.kept[document] = passages

    @rule()
    def clear(self) -> None:
        self.index.clear()
        self.kept = {}

    @rule()
    def commit(self) -> None:
        self.moment += 1
        self.index.commit(self.moment)
        self.committed[self.moment] = dict(self.kept)

    @precondition(lambda self: self.index.cursor() is not None)
    @rule()
    def close_and_open(self) -> None:
        cursor = self.index.cursor()
        self.index.close()
        self.index = UsearchVectorIndex(self.folder)
        assert self.index.cursor() == cursor
        self.committed[cursor] = dict(self.kept)

    @rule()
    def crash(self) -> None:
        """Nothing is closed; the cursor tells from where on the log must be read again."""
        self.index = UsearchVectorIndex(self.folder)
        self.kept = dict(self.committed[self.index.cursor()])

    @rule(
        seed=st.integers(0, 60),
        within=st.lists(st.sampled_from([*COLLECTIONS, uuid4()]), max_size=5),
        limit=st.integers(0, 12),
    )
    def search(self, seed: int, within: list[UUID], limit: int) -> None:
        everything = [each for passages in self.kept.values() for each in passages]
        assert self.index.size == len(everything)
        question = vector(seed)
        assert_nearest(self.index.search(question, within, limit), exact(everything, question, within), limit)


class LawsOfTheGraph(Laws):
    few = 3


TestLaws = Laws.TestCase
TestLawsOfTheGraph = LawsOfTheGraph.TestCase
TestLaws.settings = TestLawsOfTheGraph.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None
)


@pytest.fixture
def index(tmp_path: Path) -> UsearchVectorIndex:
    return UsearchVectorIndex(tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done with many is done with few, and everything is saved at once."""
    monkeypatch.setattr(vectors, "_FEW", 10)
    monkeypatch.setattr(vectors, "_UNSAVED_LEAST", 1)
    monkeypatch.setattr(vectors, "_FIRST_CAPACITY", 8)


def near_to(question: Vector, seed: int) -> IndexedPassage:
    moved = question + 0.5 * vector(1_000 + seed)
    return replace(passage(0, collection=COLLECTIONS[1]), vector=moved / np.linalg.norm(moved))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("deepest", [2_000, 20])
def test_what_the_graph_does_not_reach_is_looked_through(
    index: UsearchVectorIndex, monkeypatch: pytest.MonkeyPatch, deepest: int
) -> None:
    """A collection far from the question among nearer foreign ones, or too small a share to ask for."""
    monkeypatch.setattr(vectors, "_DEEPEST", deepest)
    question = vector(0)
    near = [near_to(question, seed) for seed in range(300)]
    far = [passage(seed) for seed in range(1, 40)]
    add(index, *near, *far)
    found = index.search(question, [COLLECTION], 10)
    assert_nearest(found, exact(far, question, [COLLECTION]), 10)


@pytest.mark.usefixtures("small")
def test_the_graph_finds_nearly_all_of_the_nearest_among_many(index: UsearchVectorIndex) -> None:
    passages = [passage(seed, collection=COLLECTIONS[seed % 4]) for seed in range(1_500)]
    add(index, *passages)
    reached = 0
    for seed in range(5_000, 5_020):
        cosines = exact(passages, vector(seed), COLLECTIONS[:2])
        nearest = sorted(cosines, key=lambda each: -cosines[each])[:10]
        found = {passage_id for passage_id, _ in index.search(vector(seed), COLLECTIONS[:2], 10)}
        reached += len(found.intersection(nearest))
    assert reached >= 195


@pytest.mark.usefixtures("small")
def test_memory_does_not_grow_with_what_is_replaced(index: UsearchVectorIndex) -> None:
    documents = [uuid4() for _ in range(10)]
    held = []
    for _ in range(20):
        for document in documents:
            index.replace(document, [passage(seed, document) for seed in range(5)])
        held.append((len(index._table.ids), index._graph.capacity, index.size))
    assert set(held) == {held[0]}
    index.clear()
    assert (index.size, len(index._table.ids)) == (0, 8)


@pytest.mark.parametrize("emptied", ["cleared", "deleted"])
def test_an_empty_index_takes_vectors_of_other_dimensions(
    index: UsearchVectorIndex, tmp_path: Path, emptied: str
) -> None:
    first = passage(1)
    add(index, first)
    if emptied == "cleared":
        index.clear()
    else:
        index.replace(first.document_id, [])
    assert index.search(vector(1), [COLLECTION], 5) == []
    second = passage(2, dimensions=7)
    add(index, second)
    index.commit(3)
    index.close()
    for each in (index, UsearchVectorIndex(tmp_path)):
        assert [hit[0] for hit in each.search(vector(2, 7), [COLLECTION], 5)] == [second.passage_id]


def test_vectors_of_other_dimensions_are_left_out_and_not_compared(index: UsearchVectorIndex) -> None:
    """A server may change the model behind a name: that must end neither a search nor the start."""
    document = uuid4()
    mine, other = passage(1, document), passage(2, document, dimensions=7)
    index.replace(document, [mine, other])
    assert index.size == 1
    assert [hit[0] for hit in index.search(vector(1), [COLLECTION], 5)] == [mine.passage_id]
    assert index.search(vector(1, 7), [COLLECTION], 5) == []


def saved(folder: Path, cursor: int, *passages: IndexedPassage) -> None:
    index = UsearchVectorIndex(folder)
    add(index, *passages)
    index.commit(cursor)
    index.close()


def break_off(folder: Path) -> None:
    """Leave what a save that was ended in its middle leaves."""
    (folder / "at-8").mkdir()
    (folder / "at-8" / "ids.npy").write_bytes(b"\x93NUM")
    (folder / "cursor.new").write_text('{"form')


def test_a_save_that_broke_off_leaves_the_one_before(tmp_path: Path) -> None:
    mine, later = passage(1), passage(2)
    saved(tmp_path, 7, mine)
    break_off(tmp_path)
    index = UsearchVectorIndex(tmp_path)
    assert index.cursor() == 7
    assert [hit[0] for hit in index.search(vector(1), [COLLECTION], 5)] == [mine.passage_id]
    add(index, later)
    index.commit(8)
    index.close()
    assert UsearchVectorIndex(tmp_path).size == 2
    assert [path.name for path in tmp_path.glob("at-*")] == ["at-8"]


def cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        [file] = folder.glob(f"at-*/{name}")
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return damage


def swap(name: str) -> Callable[[Path], None]:
    """Put a file of another time in the place of one."""

    def damage(folder: Path) -> None:
        saved(folder / "other", 1, passage(3))
        [theirs], [file] = (folder / "other").glob(f"at-*/{name}"), folder.glob(f"at-*/{name}")
        theirs.replace(file)

    return damage


FILES = ("ids.npy", "collections.npy", "vectors.npy", "graph.usearch", "owners.json")


def point(**change: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        pointer = folder / "cursor.json"
        pointer.write_text(json.dumps({**json.loads(pointer.read_text()), **change}))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        *(change(name) for change in (cut, swap) for name in FILES),
        point(format=0),
        point(cursor=None),
        point(copy="at-nowhere"),
        lambda folder: (folder / "cursor.json").write_bytes(b"\0" * 40),
    ],
)
def test_files_that_are_broken_are_built_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    saved(tmp_path, 7, passage(1), passage(2))
    damage(tmp_path)
    index = UsearchVectorIndex(tmp_path)
    assert (index.cursor(), index.size) == (None, 0)
    saved(tmp_path, 9, passage(4))
    assert UsearchVectorIndex(tmp_path).size == 1


def test_a_building_that_breaks_off_is_not_taken_for_whole(tmp_path: Path) -> None:
    """Neither what was there before counts, nor what came in since: it has to be built anew."""
    saved(tmp_path, 7, passage(1), passage(2))
    index = UsearchVectorIndex(tmp_path)
    index.clear()
    add(index, passage(1))
    assert UsearchVectorIndex(tmp_path).cursor() is None
    index.close()
    assert UsearchVectorIndex(tmp_path).cursor() is None


def test_a_new_index_that_is_closed_is_still_a_new_one(tmp_path: Path) -> None:
    index = UsearchVectorIndex(tmp_path)
    add(index, passage(1))
    index.close()
    assert UsearchVectorIndex(tmp_path).cursor() is None


def test_a_failing_disk_leaves_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 7, passage(1))
    index = UsearchVectorIndex(tmp_path)
    add(index, passage(2))
    with monkeypatch.context() as patched:
        patched.setattr(np, "save", _full_disk)
        with pytest.raises(OSError, match="full"):
            index.close()
    assert (UsearchVectorIndex(tmp_path).cursor(), UsearchVectorIndex(tmp_path).size) == (7, 1)
    index.close()
    assert UsearchVectorIndex(tmp_path).size == 2


def _full_disk(*_arguments: object) -> None:
    raise OSError("the disk is full")


def test_little_that_is_not_saved_is_left_to_the_log(tmp_path: Path) -> None:
    """Saving copies everything: it is done when enough has changed, and at the end."""
    index = UsearchVectorIndex(tmp_path)
    add(index, passage(1))
    index.commit(5)
    assert index.cursor() == 5
    assert UsearchVectorIndex(tmp_path).cursor() is None


@pytest.mark.usefixtures("small")
def test_threads_search_while_one_changes_and_saves(index: UsearchVectorIndex) -> None:
    """What nobody touches is found at any time, and nothing is found under another's name."""
    resting = [passage(seed, collection=COLLECTIONS[0]) for seed in range(30)]
    add(index, *resting)
    changing = {seed: uuid4() for seed in range(100, 140)}

    def change() -> None:
        for turn in range(6):
            for seed, document in changing.items():
                passages = [passage(seed, document, COLLECTIONS[1])] * (turn % 2)
                index.replace(document, passages)
            index.commit(turn)

    def look(seed: int) -> Iterator[bool]:
        while not done.done():
            found = index.search(vector(seed), COLLECTIONS[:2], 5)
            yield found[0][0] == resting[seed].passage_id and found[0][1] == pytest.approx(1.0, abs=2e-3)

    with ThreadPoolExecutor(4) as threads:
        done = threads.submit(change)
        looks = [threads.submit(list, look(seed)) for seed in range(3)]
        done.result()
        assert all(all(each.result()) for each in looks)
    assert index.size == 30 + 40


def test_indexes_of_several_models_do_not_meet(tmp_path: Path) -> None:
    mine, theirs = passage(1), passage(1, dimensions=7)
    saved(tmp_path / "mine", 3, mine)
    saved(tmp_path / "theirs", 4, theirs)
    index = UsearchVectorIndex(tmp_path / "mine")
    index.clear()
    index.commit(9)
    index.close()
    other = UsearchVectorIndex(tmp_path / "theirs")
    assert (other.cursor(), other.size) == (4, 1)
