"""SQLite is for one server process: a lock file says so."""

from collections.abc import Iterator
from contextlib import contextmanager
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
