"""The vectors of passages in this machine's memory, searched by nearness; kept on its disk for the next start."""

import json
import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from usearch.compiled import MetricKind
from usearch.index import Index, search

from src.domains.knowledge.services.ports import IndexedPassage, Scored, Vector

# Raise it when the files or the meaning of a vector change: every index is then built anew.
VECTORS_FORMAT = 1

# So few vectors are compared one by one: exact, and as fast as the graph.
_FEW = 10_000
# The graph compares roughly (8 bits a number); of so many times the hits wanted the exact order is made.
_SPARE = 3
_DEEPEST = 2_000
_FIRST_CAPACITY = 1_024
# Saved again when a fifth has changed: what is not saved is taken from the event log at the next start.
_UNSAVED_SHARE = 0.2
_UNSAVED_LEAST = 2_000
_POINTER = "cursor.json"

log = structlog.get_logger(__name__)


@dataclass
class _Table:
    """Passages by row: their ids (16 bytes), the numbers of their collections, their vectors."""

    ids: NDArray[np.uint8]
    collections: NDArray[np.int32]
    vectors: NDArray[np.float16]

    @classmethod
    def empty(cls, rows: int, dimensions: int) -> "_Table":
        return cls(
            np.zeros((rows, 16), dtype=np.uint8),
            np.zeros(rows, dtype=np.int32),
            np.zeros((rows, dimensions), dtype=np.float16),
        )

    def doubled(self) -> "_Table":
        larger = _Table.empty(max(2 * len(self.ids), _FIRST_CAPACITY), self.vectors.shape[1])
        for old, new in zip(vars(self).values(), vars(larger).values(), strict=True):
            new[: len(old)] = old
        return larger


class UsearchVectorIndex:
    """Implements `VectorIndex`: exact cosines in 16 bits, proposed by a graph (HNSW, usearch) when there are many.

    How many numbers a vector has the first one tells; later ones that have others are left out. Rows of deleted
    passages are used again. One thread at a time changes the index; those who search meet it for a passage at
    a time, and not at all while it saves.
    """

    _table: _Table
    _next_row: int

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._lock = threading.Lock()
        self._unsaved = 0
        self._cursor: int | None = None
        self._copy: str | None = None
        self._reset(0)
        self._load()

    @property
    def size(self) -> int:
        return self._next_row - len(self._free)

    def cursor(self) -> int | None:
        return self._cursor

    def replace(self, document_id: UUID, passages: Sequence[IndexedPassage]) -> None:
        with self._writing:
            with self._lock:
                for row in self._rows_of.pop(document_id, ()):
                    self._remove(row)
            for passage in passages:
                if passage.vector is not None:
                    with self._lock:
                        self._add(passage, passage.vector)

    def clear(self) -> None:
        with self._writing:
            # What is filled again from here on must not be taken for whole when it breaks off.
            (self._folder / _POINTER).unlink(missing_ok=True)
            self._cursor = self._copy = None
            with self._lock:
                self._reset(0)
            self._unsaved = _UNSAVED_LEAST

    def commit(self, cursor: int) -> None:
        with self._writing:
            self._cursor = cursor
            if self._unsaved >= max(_UNSAVED_LEAST, _UNSAVED_SHARE * self.size):
                self._save(cursor)

    def search(self, vector: Vector, collection_ids: Sequence[UUID], limit: int) -> list[Scored]:
        """Return the nearest passages within the collections with their cosines, best first.

        Collections that hold little are looked through one by one. Otherwise the graph is asked for as many as
        should leave enough when foreign ones are dropped; if they do not, all readable ones are looked through.
        """
        with self._lock:
            numbers = [self._numbers[each] for each in set(collection_ids) if each in self._numbers]
            readable = sum(self._counts[number] for number in numbers)
            if not readable or limit < 1 or len(vector) != self._dimensions:
                return []
            allowed = np.zeros(len(self._counts), dtype=bool)
            allowed[numbers] = True
            rows = None
            if readable > _FEW:
                rows = self._proposed(vector, allowed, limit, self.size / readable)
            if rows is None:
                # In order, so that those of equal cosines are, too.
                rows = np.flatnonzero(allowed[self._table.collections[: self._next_row]])
            return self._nearest(vector, rows, limit)

    def close(self) -> None:
        with self._writing:
            if self._cursor is None:
                return
            if self._unsaved or not self._copy:
                self._save(self._cursor)
            else:
                self._point(self._cursor, self._copy)

    def _proposed(
        self, vector: Vector, allowed: NDArray[np.bool_], limit: int, foreign: float
    ) -> NDArray[np.int64] | None:
        count = int(limit * _SPARE * foreign)
        if count > _DEEPEST:
            return None
        keys = self._graph.search(vector.astype(np.float16), count).keys.astype(np.int64)
        rows: NDArray[np.int64] = keys[allowed[self._table.collections[keys]]]
        return np.sort(rows) if len(rows) >= limit else None

    def _nearest(self, vector: Vector, rows: NDArray[np.int64], limit: int) -> list[Scored]:
        whole = len(rows) == self._next_row  # then there is nothing to be picked, and copied
        candidates = self._table.vectors[: self._next_row] if whole else self._table.vectors[rows]
        count = min(limit, len(rows))
        found = search(candidates, vector.astype(np.float16), count, MetricKind.IP, exact=True, threads=1)
        return [
            (UUID(bytes=self._table.ids[rows[key]].tobytes()), 1.0 - float(distance))
            for key, distance in zip(found.keys, found.distances, strict=True)
        ]

    def _add(self, passage: IndexedPassage, vector: Vector) -> None:
        if len(vector) != self._dimensions:
            if self.size:
                log.warning("vector_left_out", passage_id=str(passage.passage_id), dimensions=len(vector))
                return
            self._reset(len(vector))
        row = self._free.pop() if self._free else self._new_row()
        number = self._numbers.setdefault(passage.collection_id, len(self._counts))
        if number == len(self._counts):
            self._counts.append(0)
        self._counts[number] += 1
        self._table.ids[row] = np.frombuffer(passage.passage_id.bytes, dtype=np.uint8)
        self._table.collections[row] = number
        self._table.vectors[row] = vector
        self._rows_of.setdefault(passage.document_id, []).append(row)
        self._graph.add(row, self._table.vectors[row])
        self._unsaved += 1

    def _remove(self, row: int) -> None:
        self._counts[self._table.collections[row]] -= 1
        self._table.collections[row] = 0
        self._graph.remove(row)
        self._free.append(row)
        self._unsaved += 1

    def _new_row(self) -> int:
        if self._next_row == len(self._table.ids):
            self._table = self._table.doubled()
        self._next_row += 1
        return self._next_row - 1

    def _reset(self, dimensions: int) -> None:
        """Begin with nothing; how many numbers a vector has the first one tells (0: none has come yet)."""
        self._dimensions = dimensions
        self._table = _Table.empty(_FIRST_CAPACITY, dimensions)
        self._next_row = 0
        self._free: list[int] = []
        self._rows_of: dict[UUID, list[int]] = {}
        # Number 0 is nobody's collection: rows that are free stand in it.
        self._numbers: dict[UUID, int] = {}
        self._counts: list[int] = [0]
        self._graph = Index(ndim=max(dimensions, 1), metric=MetricKind.IP, dtype="i8")

    def _save(self, cursor: int) -> None:
        """Write a new copy beside the old one and point to it in one step: a crash leaves one or the other."""
        name = f"at-{cursor}"
        if name == self._copy:  # what is pointed to stays as it is
            name += "-again"
        copy = self._folder / name
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        rows = self._next_row
        np.save(copy / "ids.npy", self._table.ids[:rows])
        np.save(copy / "collections.npy", self._table.collections[:rows])
        np.save(copy / "vectors.npy", self._table.vectors[:rows])
        self._graph.save(str(copy / "graph.usearch"))
        owners = {str(document_id): rows for document_id, rows in self._rows_of.items()}
        numbers = {str(collection_id): number for collection_id, number in self._numbers.items()}
        (copy / "owners.json").write_text(json.dumps({"documents": owners, "collections": numbers}))
        self._point(cursor, name)
        self._copy, self._unsaved = name, 0
        self._delete_others(name)

    def _point(self, cursor: int, copy: str) -> None:
        temporary = self._folder / "cursor.new"
        temporary.write_text(json.dumps({"format": VECTORS_FORMAT, "cursor": cursor, "copy": copy}))
        temporary.replace(self._folder / _POINTER)

    def _load(self) -> None:
        try:
            pointer = json.loads((self._folder / _POINTER).read_bytes())
            if pointer["format"] != VECTORS_FORMAT:
                return
            self._read(self._folder / pointer["copy"])
            self._cursor, self._copy = int(pointer["cursor"]), pointer["copy"]
        except FileNotFoundError:
            return
        except Exception as error:  # whatever is wrong with it: it is built anew
            log.warning("vector_index_broken", path=str(self._folder), error=repr(error))
            self._reset(0)

    def _read(self, copy: Path) -> None:
        """Take in a copy; raise when its files do not belong together."""
        ids, vectors = np.load(copy / "ids.npy"), np.load(copy / "vectors.npy")
        collections = np.load(copy / "collections.npy")
        owners = json.loads((copy / "owners.json").read_bytes())
        self._reset(vectors.shape[1])
        self._graph.load(str(copy / "graph.usearch"))
        self._table = _Table(ids, collections, vectors)
        self._next_row = len(ids)
        self._numbers = {UUID(each): number for each, number in owners["collections"].items()}
        self._rows_of = {UUID(each): rows for each, rows in owners["documents"].items()}
        used = {row for rows in self._rows_of.values() for row in rows}
        self._free = [row for row in range(self._next_row) if row not in used]
        self._counts = np.bincount(collections, minlength=len(self._numbers) + 1).tolist()
        self._counts[0] = 0
        whole = len(ids) == len(collections) == len(vectors) and len(self._graph) == len(used) == self.size
        if not whole or sum(self._counts) != self.size:
            raise ValueError("the files are not of one time")

    def _delete_others(self, name: str) -> None:
        for path in self._copies():
            if path.name != name:
                shutil.rmtree(path, ignore_errors=True)

    def _copies(self) -> Iterable[Path]:
        with suppress(FileNotFoundError):
            yield from self._folder.glob("at-*")
