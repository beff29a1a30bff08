"""The ingestion worker: what it does when jobs meet each other, deletions, faults and the end of a process."""

import asyncio
from typing import Any

import pytest

from src.domains.knowledge.services.ports import Progress
from src.infrastructure.settings import KnowledgeSettings, Settings
from src.shared.events.knowledge import DocumentDeleted
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of, stored_files
from tests.databases import execute, query
from tests.fakes import SteppedReader

OLD = b"The code of the vault is seven."


async def test_an_upload_comes_before_versions_that_still_wait(settings: Settings) -> None:
    """They are dropped with their files, and never read."""
    reader = SteppedReader()
    reader.hold()
    async with platform_on(with_one_at_a_time(settings), reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        await admin.send_file(collection_id, "first.txt", b"This is being read.")
        await reader.begun()
        contents = [f"The code of the vault is {number}.".encode() for number in range(4)]
        answers = [await admin.send_file(collection_id, "vault.txt", each) for each in contents]
        assert {answer["id"] for answer in answers} == {answers[0]["id"]}
        reader.go_on()
        assert (await admin.read_to_its_end(answers[0]["id"]))["version"] == 4
        assert reader.read_names == ["first.txt", "vault.txt"]
        assert await admin.texts_about("code") == ["The code of the vault is 3."]
        await platform.delivered("knowledge.ingestion")
        assert len(stored_files(settings)) == 2


def with_one_at_a_time(settings: Settings, **more: Any) -> Settings:
    knowledge = KnowledgeSettings(ingestions_at_once=1, **more)
    return settings.model_copy(update={"knowledge": knowledge})


async def test_a_newer_version_takes_over_from_one_that_is_being_read(settings: Settings) -> None:
    """Whichever comes to its end first: the older one never replaces the newer one."""
    reader = SteppedReader()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        reader.hold(b"first")
        document_id = (await admin.send_file(collection_id, "vault.txt", b"The first code of the vault."))[
            "id"
        ]
        await reader.begun()
        await admin.send_file(collection_id, "vault.txt", b"The second code of the vault.")
        await until_version(admin, document_id, 2)
        assert await admin.texts_about("code of the vault") == ["The second code of the vault."]
        reader.go_on()
        await reader.ended(2)
        await admin.upload_and_wait(collection_id, "later.txt", b"Something else.")
        assert (await admin.get(f"/knowledge/documents/{document_id}"))["version"] == 2
        assert await admin.texts_about("code of the vault") == ["The second code of the vault."]
        await platform.delivered("knowledge.ingestion")
        assert len(stored_files(settings)) == 2


async def until_version(person: Person, document_id: str, number: int) -> None:
    async with asyncio.timeout(20):
        while (await person.get(f"/knowledge/documents/{document_id}"))["version"] != number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing else would tell


@pytest.mark.parametrize("what", ["document", "collection"])
async def test_a_deletion_while_a_file_is_read_leaves_nothing(settings: Settings, what: str) -> None:
    reader = SteppedReader()
    reader.hold()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        document_id = (await admin.send_file(collection_id, "vault.txt", OLD))["id"]
        await reader.begun()
        path = f"documents/{document_id}" if what == "document" else f"collections/{collection_id}"
        await admin.delete(f"/knowledge/{path}")
        reader.go_on()
        await reader.ended(1)
        other = await admin.create_collection("Other")
        await admin.upload_and_wait(other, "other.txt", b"Something else.")
        await platform.delivered("knowledge.ingestion")
        assert await admin.texts_about("code of the vault") == []
        for table in ("document", "document_version", "passage"):
            assert len(query(settings, f"SELECT id FROM knowledge_{table}")) == 1
        assert len(stored_files(settings)) == 1
        assert query(settings, "SELECT id FROM event_parked") == []


async def test_deletions_that_were_told_before_there_were_versions_erase_the_documents_file(
    platform: Platform, settings: Settings
) -> None:
    """They stand in logs for good, without the ids of versions."""
    file = settings.data_dir / "uploads" / UNKNOWN_ID
    file.write_bytes(OLD)
    payload = f'{{"document_id": "{UNKNOWN_ID}", "collection_id": "{UNKNOWN_ID}"}}'
    old = DocumentDeleted.model_validate_json(payload)
    await platform.app.state.documents._database.write(lambda uow: uow.record(old))
    await platform.delivered("knowledge.ingestion")
    assert not file.exists()


async def test_progress_is_told_in_pages(settings: Settings) -> None:
    quick = with_one_at_a_time(settings, ingestion_lease_seconds=1)
    reader = SteppedReader(progress=Progress(3, 20))
    reader.hold()
    async with platform_on(quick, reader=reader) as platform:
        admin = await platform.sign_up()
        document_id = await admin.upload(await admin.create_collection(), "vault.txt", OLD)
        await reader.begun()
        async with asyncio.timeout(20):
            while True:
                document = await admin.get(f"/knowledge/documents/{document_id}")
                if document["pages_done"]:
                    break
                await asyncio.sleep(0.02)
        assert (document["status"], document["pages_done"], document["pages_total"]) == ("processing", 3, 20)
        assert (document["version"], document["passage_count"]) == (None, 0)
        reader.go_on()
        await admin.read_to_its_end(document_id)


async def test_more_files_than_may_wait_are_refused_and_not_kept(settings: Settings) -> None:
    reader = SteppedReader()
    reader.hold()
    async with platform_on(with_one_at_a_time(settings, max_waiting=2), reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        kept = [await admin.upload(collection_id, f"{number}.txt", OLD) for number in range(2)]
        path = f"/knowledge/collections/{collection_id}/documents"
        refused = await admin.call("POST", path, files={"file": ("3.txt", OLD)})
        assert problem_of(refused) == (503, "queue_full")
        assert int(refused.headers["retry-after"]) > 0
        assert len(stored_files(settings)) == 2
        reader.go_on()
        for document_id in kept:
            await admin.read_to_its_end(document_id)
        assert (await admin.send_file(collection_id, "3.txt", OLD))["outcome"] == "new"


async def test_passing_faults_are_tried_again(settings: Settings) -> None:
    hasty = with_one_at_a_time(settings, ingestion_retry_seconds=0.01)
    reader = SteppedReader(OSError("the disk is busy"), OSError("the disk is busy"))
    async with platform_on(hasty, reader=reader) as platform:
        admin = await platform.sign_up()
        document = await admin.upload_and_wait(await admin.create_collection(), "vault.txt", OLD)
    assert document["status"] == "ready"
    assert len(reader.read_names) == 3


async def test_a_slow_file_does_not_hold_up_another_one(settings: Settings) -> None:
    reader = SteppedReader()
    reader.hold(b"slow")
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        slow = await admin.upload(collection_id, "slow.txt", b"This is slow.")
        await reader.begun()
        for number in range(3):
            await admin.upload_and_wait(collection_id, f"{number}.txt", OLD)
        assert (await admin.get(f"/knowledge/documents/{slow}"))["status"] == "processing"
        reader.go_on()
        assert (await admin.read_to_its_end(slow))["status"] == "ready"


async def test_a_stop_gives_back_what_is_being_read_and_it_does_not_count_as_a_try(
    settings: Settings,
) -> None:
    reader = SteppedReader()
    reader.hold()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        document_id = await admin.upload(await admin.create_collection(), "vault.txt", OLD)
        await reader.begun()
    state = query(settings, "SELECT status, attempts, leased_by FROM knowledge_document_version")
    assert state == [("pending", 0, None)]
    async with platform_on(settings) as platform:
        admin._platform = platform
        assert (await admin.read_to_its_end(document_id))["status"] == "ready"


async def leave_behind(settings: Settings, attempts: int, count: int = 1) -> list[str]:
    """Leave documents as a server does that ends without a word while it reads; return their ids."""
    reader = SteppedReader()
    reader.hold()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        document_ids = [await admin.upload(collection_id, f"{number}.txt", OLD) for number in range(count)]
    execute(
        settings,
        f"UPDATE knowledge_document_version SET status = 'processing', attempts = {attempts}, "
        "leased_by = 'gone', leased_until = '2026-01-01 00:00:00+00'",
    )
    return document_ids


@pytest.mark.parametrize(("attempts", "status"), [(2, "ready"), (3, "failed")])
async def test_a_file_that_ended_its_reader_is_tried_again_but_not_for_ever(
    settings: Settings, attempts: int, status: str
) -> None:
    [document_id] = await leave_behind(settings, attempts)
    async with platform_on(settings) as platform:
        person = Person(platform, "admin@example.com", await platform.sign_in("admin@example.com"), {})
        document = await person.read_to_its_end(document_id)
    assert document["status"] == status
    assert (document["reason"] is None) == (status == "ready")
    assert "ended the reader" in (document["reason"] or "ended the reader")


async def test_files_that_a_crash_cut_off_are_read_one_by_one(settings: Settings) -> None:
    """Or the harmless ones would be given up along with the one that ended the process."""
    document_ids = await leave_behind(settings, attempts=1, count=3)
    reader = SteppedReader()
    reader.hold()
    async with platform_on(settings, reader=reader) as platform:
        person = Person(platform, "admin@example.com", await platform.sign_in("admin@example.com"), {})
        await reader.begun()
        document_ids.append(await person.upload(await person.create_collection("Other"), "3.txt", OLD))
        reader.go_on()
        for document_id in document_ids:
            assert (await person.read_to_its_end(document_id))["status"] == "ready"
    assert (reader.read_names, reader.most_at_once) == ([f"{number}.txt" for number in range(4)], 1)


async def test_who_has_lost_the_lease_saves_nothing(settings: Settings) -> None:
    """Somebody else may have begun anew, while this process stood still."""
    reader = SteppedReader()
    reader.hold()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        document_id = await admin.upload(await admin.create_collection(), "vault.txt", OLD)
        await reader.begun()
        execute(
            settings,
            "UPDATE knowledge_document_version SET leased_by = 'another', "
            "leased_until = '2126-01-01 00:00:00+00'",
        )
        reader.go_on()
        await reader.ended(1)
        await admin.upload_and_wait(await admin.create_collection("Other"), "other.txt", b"Something else.")
        assert (await admin.get(f"/knowledge/documents/{document_id}"))["status"] == "processing"
        assert await admin.texts_about("code of the vault") == []
    assert ("another",) in query(settings, "SELECT leased_by FROM knowledge_document_version")


@pytest.mark.only("postgresql")
async def test_two_servers_share_the_queue(settings: Settings) -> None:
    """Each file is read once, by one of them."""
    readers = [SteppedReader(), SteppedReader()]
    quick = with_one_at_a_time(settings, ingestion_lease_seconds=1)
    async with platform_on(quick, reader=readers[0]) as one, platform_on(quick, reader=readers[1]):
        admin = await one.sign_up()
        collection_id = await admin.create_collection()
        for reader in readers:
            reader.hold()
        ids = [await admin.upload(collection_id, f"{number}.txt", OLD) for number in range(6)]
        for reader in readers:
            await reader.begun()
        for reader in readers:
            reader.go_on()
        assert {(await admin.read_to_its_end(each))["status"] for each in ids} == {"ready"}
        assert sorted(readers[0].read_names + readers[1].read_names) == [f"{n}.txt" for n in range(6)]
        assert all(reader.read_names for reader in readers)
