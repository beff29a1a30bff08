"""The process that reads: that it ends, that it does not hold up the server, and that nothing is left of it."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import Progress, UnreadableDocument
from src.infrastructure.documents import reader
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.documents.sections import Limits
from tests.documents.samples.make import pdf
from tests.houses import until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="looks at processes as Linux shows them"
)

PROJECT = Path(__file__).parents[4]
SLOW = b"<b>x</b>" * 1_000_000
"""A page that takes far longer to read than any test waits."""

READ_ALONE = """
import asyncio, sys
from pathlib import Path
from src.infrastructure.documents.reader import FileDocumentReader

asyncio.run(FileDocumentReader().read(Path(sys.argv[1]), "a.html", print))
"""


def tell(_progress: Progress) -> None:
    """Let nobody know."""


def children(process: int) -> list[int]:
    """Return the processes that it started, from whichever thread."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with suppress(OSError):  # it is gone
            found += map(int, (thread / "children").read_text().split())
    return found


def environment(process: int) -> bytes:
    return Path(f"/proc/{process}/environ").read_bytes()


def is_running(process: int) -> bool:
    """Tell whether it is there and no mere corpse that nobody has taken away."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def worker() -> int:
    """Return the number of the process that forks the readers, started if need be."""
    process = await asyncio.to_thread(lambda: reader._PROCESS._running() and reader._PROCESS._process)
    assert process is not None
    return process.pid


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    path = tmp_path / "slow"
    path.write_bytes(SLOW)
    return path


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    path = tmp_path / "quick"
    path.write_bytes(pdf(["one"], ["two"]))
    return path


async def test_passages_and_progress_arrive(quick: Path) -> None:
    told: list[Progress] = []
    passages = await FileDocumentReader().read(quick, "a.pdf", told.append)
    assert [(passage.location, passage.text) for passage in passages] == [("p. 1", "one"), ("p. 2", "two")]
    assert told == [Progress(1, 2), Progress(2, 2)]


async def test_many_files_are_read_at_once_while_one_takes_its_time(quick: Path, slow: Path) -> None:
    waiting = asyncio.create_task(FileDocumentReader().read(slow, "a.html", tell))
    await asyncio.gather(*(FileDocumentReader().read(quick, "a.pdf", tell) for _ in range(20)))
    assert not waiting.done()
    waiting.cancel()


async def test_cancelling_kills_the_reader(slow: Path) -> None:
    parent = await worker()
    reading = asyncio.create_task(FileDocumentReader().read(slow, "a.html", tell))
    await until(lambda: children(parent))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await until(lambda: not children(parent))


async def test_nothing_is_left_of_a_reader_that_took_too_long(slow: Path) -> None:
    with pytest.raises(UnreadableDocument, match="took longer"):
        await FileDocumentReader(Limits(seconds=0.2)).read(slow, "a.html", tell)
    parent = await worker()
    await until(lambda: not children(parent))


async def test_a_reader_that_crashes_fails_its_file_alone(slow: Path, quick: Path) -> None:
    parent = await worker()
    reading = asyncio.create_task(FileDocumentReader().read(slow, "a.html", tell))
    await until(lambda: children(parent))
    os.kill(children(parent)[0], signal.SIGSEGV)
    with pytest.raises(UnreadableDocument, match="crashed on the file"):
        await reading
    assert await FileDocumentReader().read(quick, "a.pdf", tell)


async def test_the_process_is_started_anew_when_it_was_killed(quick: Path, slow: Path) -> None:
    killed = await worker()
    reading = asyncio.create_task(FileDocumentReader().read(slow, "a.html", tell))
    await until(lambda: children(killed))
    readers = children(killed)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(UnreadableDocument, match="crashed on the file"):
        await reading
    await until(lambda: not any(map(is_running, [killed, *readers])))
    assert await FileDocumentReader().read(quick, "a.pdf", tell)
    assert await worker() != killed


async def test_a_server_that_was_killed_leaves_no_readers_behind(slow: Path) -> None:
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", READ_ALONE, slow, cwd=PROJECT)
    try:
        await until(lambda: any(children(child) for child in children(server.pid)))
        forker = children(server.pid)[0]
        readers = children(forker)
    finally:
        server.kill()
        await server.wait()
    await until(lambda: not any(map(is_running, [forker, *readers])))


async def test_a_reader_runs_on_all_cores_behind_the_server_and_sees_none_of_its_secrets(
    slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH__TOKEN_SECRET", "secret")
    monkeypatch.setattr(reader, "_PROCESS", reader.ReadingProcess())
    parent = await worker()
    reading = asyncio.create_task(FileDocumentReader().read(slow, "a.html", tell))
    await until(lambda: children(parent) and os.getpriority(os.PRIO_PROCESS, children(parent)[0]) > 0)
    child = children(parent)[0]
    assert os.sched_getaffinity(child) == os.sched_getaffinity(0)
    assert b"TOKEN_SECRET" not in environment(child)
    reading.cancel()
