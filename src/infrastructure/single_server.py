"""SQLite is for one server process: a lock file says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class AlreadyRunning(Exception):
    """Another server process has this folder."""


@contextmanager
def single_server(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; raise `AlreadyRunning` when another has it. May be nested."""
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir / "server.lock", is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise AlreadyRunning(
            f"Another server is using {data_dir}. SQLite is for one server process: "
            "stop it, or give this one a DATA_DIR of its own."
        ) from None
    try:
        yield
    finally:
        lock.release()
