"""`make ingest`: folders, files and pages become documents, beside a server or without one."""

import asyncio
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from src.commands.ingest import Order, ingest
from src.commands.ingesting import Pace, Report
from src.infrastructure.settings import FetchSettings, Settings
from src.shared.exceptions.errors import InvalidRequest
from tests.builders import Person, Platform, platform_on
from tests.web import http, web_server

ROOT = Path(__file__).parents[2]
QUICK = Pace(poll_seconds=0.01, patience_seconds=5.0)
HASTY = Pace(poll_seconds=0.01, patience_seconds=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a department: two documents, and what does not belong into an index."""
    folder = tmp_path / "handbook"
    for place, text in {
        "leave/annual.md": "# Annual leave\n\nFifteen days a year.",
        "휴가.md": "# 휴가\n\n연차휴가는 열다섯 날이다.",
        "picture.png": "\0",
        "empty.md": "",
        ".git/config.md": "hidden",
        "~$open.docx": "hidden",
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    return folder


@pytest.fixture
async def admin(platform: Platform) -> Person:
    return await platform.sign_up()


async def documents(person: Person, name: str = "HR") -> dict[str, dict[str, Any]]:
    """Return the documents of a collection by their sources."""
    collections = (await person.get("/knowledge/collections"))["items"]
    collection_id = next(each["id"] for each in collections if each["name"] == name)
    items = (await person.get(f"/knowledge/collections/{collection_id}/documents"))["items"]
    return {item["source"]: item for item in items}


async def taken(settings: Settings, origin: Path | str, **order: Any) -> Report:
    return await ingest(settings, Order(str(origin), "HR", **order), QUICK)


async def test_a_folder_is_taken_in_and_read_by_the_server_that_runs(
    admin: Person, settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await taken(settings, folder)
    assert (report.outcomes, report.failed, report.waiting) == ({"new": 2}, [], {})
    assert (report.read, report.passages) == (2, 2)
    found = await documents(admin)
    assert {source: document["status"] for source, document in found.items()} == {
        "handbook/leave/annual.md": "ready",
        "handbook/휴가.md": "ready",
    }
    assert found["handbook/leave/annual.md"]["title"] == "annual.md"
    told = capsys.readouterr().out
    assert "The collection HR is new. Everyone who is signed in may read it" in told
    assert "2 new, 0 new versions, 0 unchanged, 0 deleted, 4 skipped, 0 failed" in told
    assert "read: 2 files" in told


@pytest.mark.only("sqlite")
async def test_what_is_skipped_is_told_with_its_reason(
    admin: Person, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("not of this folder")
    (folder / "outside.md").symlink_to(secret)
    (folder / "inside.md").symlink_to(folder / "leave" / "annual.md")
    (folder / "everything").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.md")
    report = await taken(settings, folder)
    reasons = {Path(place).name: reason for place, reason in report.skipped}
    assert reasons.pop("picture.png").startswith("Files of the type .png are not read.")
    assert reasons == {
        ".git": "a hidden folder",
        "~$open.docx": "hidden",
        "empty.md": "The file is empty.",
        "outside.md": "a link out of the folder",
        "everything": "a link to a folder",
        "pipe.md": "not a file",
    }
    assert "handbook/inside.md" in await documents(admin)


async def test_running_it_again_takes_only_what_changed(
    admin: Person, settings: Settings, folder: Path
) -> None:
    await taken(settings, folder)
    os.utime(folder / "휴가.md", (1, 1))
    assert (await taken(settings, folder)).outcomes == {"unchanged": 2}
    (folder / "leave" / "annual.md").write_text("# Annual leave\n\nTwenty days a year.")
    (folder / "leave" / "sick.md").write_text("# Sick leave\n\nTell your team.")
    report = await taken(settings, folder)
    assert report.outcomes == {"unchanged": 1, "new_version": 1, "new": 1}
    assert (await documents(admin))["handbook/leave/annual.md"]["version"] == 2


@pytest.mark.only("sqlite")
async def test_a_name_that_macos_gives_in_parts_is_the_same_document(
    admin: Person, settings: Settings, folder: Path
) -> None:
    await taken(settings, folder)
    (folder / "휴가.md").rename(folder / unicodedata.normalize("NFD", "휴가.md"))
    assert (await taken(settings, folder)).outcomes == {"unchanged": 2}


async def test_pruning_deletes_what_has_gone_from_the_folder_and_nothing_else(
    admin: Person, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    by_hand = tmp_path / "by-hand.md"
    by_hand.write_text("# By hand")
    other = tmp_path / "Handbook"
    other.mkdir()
    (other / "other.md").write_text("# Other")
    for origin in (folder, by_hand, other):
        await taken(settings, origin)
    (folder / "leave" / "annual.md").unlink()
    assert (await taken(settings, folder)).deleted == 0
    assert (await taken(settings, folder, prune=True)).deleted == 1
    assert set(await documents(admin)) == {"handbook/휴가.md", "by-hand.md", "Handbook/other.md"}


@pytest.mark.only("sqlite")
async def test_an_empty_folder_prunes_nothing_for_it_may_be_one_that_is_not_mounted(
    admin: Person, settings: Settings, folder: Path
) -> None:
    await taken(settings, folder)
    for path in (
        folder / "휴가.md",
        folder / "leave" / "annual.md",
        folder / "empty.md",
        folder / "picture.png",
    ):
        path.unlink()
    report = await taken(settings, folder, prune=True)
    assert (report.deleted, len(report.failed)) == (0, 1)
    assert len(await documents(admin)) == 2


@pytest.mark.only("sqlite")
async def test_a_file_that_cannot_be_read_is_told_and_the_others_are_taken(
    admin: Person, settings: Settings, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    report = await taken(settings, folder)
    assert report.read == 2
    [(place, reason)] = report.failed
    assert place == "handbook/broken.pdf"
    assert "The PDF is damaged" in reason


@pytest.mark.only("sqlite")
async def test_a_page_is_taken_in_by_its_address(admin: Person, settings: Settings) -> None:
    async with web_server({"/page": http(body=b"<h1>Rules</h1><p>Be kind.</p>")}) as web:
        url = f"http://127.0.0.1:{web.port}/page"
        refused = await taken(settings, url)
        assert [place for place, _reason in refused.failed] == [url]
        fetch = FetchSettings(allowed_private_hosts=("127.0.0.1",), allowed_ports=(web.port,))
        report = await taken(settings.model_copy(update={"fetch": fetch}), url)
    assert (report.outcomes, report.read) == ({"new": 1}, 1)
    assert url in await documents(admin)


async def test_only_the_groups_that_are_named_may_read_a_new_collection(
    platform: Platform, admin: Person, settings: Settings, folder: Path
) -> None:
    member, other = await platform.sign_up("member"), await platform.sign_up("other")
    group_id = await admin.create_group("People team", member)
    await taken(settings, folder, groups=("People team",))
    collections = (await member.get("/knowledge/collections"))["items"]
    assert [each["group_ids"] for each in collections] == [[group_id]]
    assert (await other.get("/knowledge/collections"))["items"] == []
    await taken(settings, folder, groups=("People team",))
    await admin.create_group("IT")
    with pytest.raises(InvalidRequest, match="others may read it"):
        await taken(settings, folder, groups=("IT",))
    with pytest.raises(InvalidRequest, match="no group of the name Legal"):
        await ingest(settings, Order(str(folder), "Contracts", ("Legal",)), QUICK)


async def test_more_files_than_may_wait_are_taken_in_while_the_server_reads(
    admin: Person, settings: Settings, tmp_path: Path
) -> None:
    few = settings.knowledge.model_copy(update={"max_waiting": 2})
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.md").write_text(f"# Rule {number}")
    report = await taken(settings.model_copy(update={"knowledge": few}), folder)
    assert (report.outcomes, report.read, report.failed) == ({"new": 12}, 12, [])


async def test_without_a_server_files_are_queued_and_it_says_so(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with platform_on(settings) as platform:
        await platform.sign_up()
    report = await ingest(settings, Order(str(folder), "HR"), HASTY)
    assert (report.outcomes, len(report.waiting), report.failed) == ({"new": 2}, 2, [])
    assert "start it with `make run`" in capsys.readouterr().out
    async with platform_on(settings) as platform:
        report = await taken(settings, folder)
        assert (report.outcomes, report.waiting) == ({"unchanged": 2}, {})


@pytest.mark.only("sqlite")
async def test_what_is_not_there_is_told(admin: Person, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="neither a folder nor a file"):
        await taken(settings, tmp_path / "nowhere")


@pytest.mark.only("sqlite")
async def test_somebody_has_to_be_the_administrator_first(settings: Settings, folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="the first person becomes the administrator"):
        await taken(settings, folder)


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": str(settings.database_url),
    }
    command = [sys.executable, "-m", "src.commands.ingest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.only("sqlite")
async def test_the_command_ends_with_1_when_something_failed(
    admin: Person, settings: Settings, folder: Path
) -> None:
    into = ("--collection", "HR")
    done = await asyncio.to_thread(run, settings, "--from", str(folder), *into)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 new" in done.stdout
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    done = await asyncio.to_thread(run, settings, "--from", str(folder), *into)
    assert done.returncode == 1
    assert "failed: handbook/broken.pdf: The PDF is damaged" in done.stdout
