"""What one server process at a time may have: a SQLite database, a folder of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout


class AlreadyRunning(Exception):
    """Another server process has this database."""


@contextmanager
def single_server(lock_file: Path) -> Iterator[None]:
    """Hold the lock for this process; raise `AlreadyRunning` when another has it. May be nested."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file, is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise AlreadyRunning(
            f"Another server is using {lock_file.with_suffix('')}. SQLite is for one server process: "
            "stop it, or give this one a DATA_DIR of its own."
        ) from None
    try:
        yield
    finally:
        lock.release()


class OwnFolder:
    """A folder that this process has to itself: the one asked for, or its first free neighbour (`index-2`...).

    Server processes that share a DATA_DIR keep an index each; one that starts again finds an index that
    another left, and only has to catch up.
    """

    def __init__(self, wanted: Path) -> None:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for self.number in count(1):
            self.path = wanted if self.number == 1 else wanted.with_name(f"{wanted.name}-{self.number}")
            self._lock = FileLock(f"{self.path}.lock")
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                continue
            return

    def release(self) -> None:
        self._lock.release()
