"""Collections, documents and search, through the API."""

import asyncio
import os
from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import PassageDraft
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.documents.threaded import ThreadedReader
from src.infrastructure.settings import KnowledgeSettings, ServerSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.databases import query
from tests.documents.samples.make import docx, pdf

LEAVE = "# 휴가 규정\n\n## 연차\n\n연차휴가는 1년에 15일입니다. 신청은 3일 전에 합니다.\n".encode()
TRAVEL = b"# Travel\n\n## Hotels\n\nHotels are paid up to 180 euros a night in Berlin.\n"


async def found(person: Person, query: str, **narrowed: object) -> list[str]:
    """Return the titles of the documents that a search finds."""
    answer = await person.post("/knowledge/search", {"query": query, **narrowed})
    return [passage["title"] for passage in answer["passages"]]


async def test_an_uploaded_document_is_read_and_found_with_its_place(platform: Platform) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    document = await admin.upload_and_wait(collection_id, "휴가.md", LEAVE)
    assert (document["status"], document["reason"], document["title"]) == ("ready", None, "휴가.md")
    [passage] = (await admin.post("/knowledge/search", {"query": "연차 며칠"}))["passages"]
    assert "15일" in passage["text"]
    assert "연차" in passage["location"]
    assert passage["document_id"] == document["id"]


@pytest.mark.parametrize("query", ["연차휴가", "연차 휴가", "연차휴가는", "연차휴가를 신청"])
async def test_korean_is_found_whatever_its_spacing_and_particles(platform: Platform, query: str) -> None:
    admin = await platform.sign_up()
    await admin.upload_and_wait(await admin.create_collection(), "휴가.md", LEAVE)
    assert await found(admin, query) == ["휴가.md"]


async def test_english_is_found_in_another_form_of_the_word(platform: Platform) -> None:
    admin = await platform.sign_up()
    await admin.upload_and_wait(await admin.create_collection(), "travel.md", TRAVEL)
    assert await found(admin, "hotel paying") == ["travel.md"]


async def test_a_document_is_ready_only_when_it_can_be_found(platform: Platform) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    for number in range(5):
        name = f"doc{number}.txt"
        await admin.upload_and_wait(collection_id, name, f"The code word is zebra{number}.".encode())
        assert await found(admin, f"zebra{number}") == [name]


async def test_only_the_groups_of_a_collection_find_and_see_its_documents(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    stranger = await platform.sign_up("stranger")
    group_id = await admin.create_group("Sales", member)
    collection_id = await admin.create_collection("Secret", [group_id])
    document = await admin.upload_and_wait(collection_id, "travel.md", TRAVEL)
    assert await found(member, "hotels") == ["travel.md"]
    assert await found(stranger, "hotels") == []
    assert await found(stranger, "hotels", collection_ids=[collection_id]) == []
    assert (await member.get(f"/knowledge/documents/{document['id']}"))["status"] == "ready"
    for path in (f"/documents/{document['id']}", f"/collections/{collection_id}"):
        assert problem_of(await stranger.call("GET", f"/knowledge{path}"))[0] == 404
    documents = await stranger.call("GET", f"/knowledge/collections/{collection_id}/documents")
    assert problem_of(documents) == (404, "unknown_collection")
    assert (await stranger.get("/knowledge/collections"))["items"] == []
    assert len((await member.get("/knowledge/collections"))["items"]) == 1


async def test_administrators_manage_all_collections_but_find_only_what_their_groups_may_read(
    platform: Platform,
) -> None:
    admin = await platform.sign_up()
    group_id = await admin.create_group("Sales")
    collection_id = await admin.create_collection("Secret", [group_id])
    await admin.upload_and_wait(collection_id, "travel.md", TRAVEL)
    assert (await admin.get(f"/knowledge/collections/{collection_id}"))["document_count"] == 1
    assert await found(admin, "hotels") == []


async def test_revoked_rights_hold_with_the_next_search(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Sales", member)
    collection_id = await admin.create_collection("Open")
    await admin.upload_and_wait(collection_id, "travel.md", TRAVEL)
    changed = await admin.patch(f"/knowledge/collections/{collection_id}", {"group_ids": [group_id]})
    assert changed["group_ids"] == [group_id]
    assert await found(admin, "hotels") == []
    assert await found(member, "hotels") == ["travel.md"]
    await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
    assert await found(member, "hotels") == []


async def test_deleted_documents_and_collections_are_gone_with_their_files(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    first = await admin.upload_and_wait(collection_id, "travel.md", TRAVEL)
    await admin.upload_and_wait(collection_id, "휴가.md", LEAVE)
    await admin.delete(f"/knowledge/documents/{first['id']}")
    assert await found(admin, "hotels") == []
    assert await found(admin, "연차") == ["휴가.md"]
    await admin.delete(f"/knowledge/collections/{collection_id}")
    assert await found(admin, "연차") == []
    await platform.delivered("knowledge.ingestion")
    assert list((settings.data_dir / "uploads").iterdir()) == []


async def test_files_that_a_crash_left_without_a_document_are_deleted_at_the_start(
    settings: Settings,
) -> None:
    """A kill can come between keeping an upload's file and the commit of its document."""
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        kept = await admin.upload_and_wait(await admin.create_collection(), "travel.md", TRAVEL)
    uploads = settings.data_dir / "uploads"
    for left in (UNKNOWN_ID, f"{UNKNOWN_ID}.part"):
        (uploads / left).write_bytes(b"left")
        os.utime(uploads / left, (0, 0))
    async with platform_on(settings):
        assert [path.name for path in uploads.iterdir()] == [kept["id"]]


@pytest.mark.only("postgresql")
async def test_a_starting_server_leaves_alone_a_file_that_another_one_is_taking_in(
    settings: Settings,
) -> None:
    """Its document is not committed yet."""
    uploads = settings.data_dir / "uploads"
    uploads.mkdir()
    (uploads / UNKNOWN_ID).write_bytes(b"just saved")
    async with platform_on(settings):
        assert (uploads / UNKNOWN_ID).exists()


async def test_the_index_is_rebuilt_from_the_passages_when_it_is_lost(settings: Settings) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        await admin.upload_and_wait(await admin.create_collection(), "travel.md", TRAVEL)
    for file in sorted((settings.data_dir / "index").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    async with platform_on(settings) as platform:
        admin._platform = platform
        assert await found(admin, "hotels") == ["travel.md"]


async def test_people_who_are_no_administrators_cannot_change_documents(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    collection_id = await admin.create_collection()
    document = await admin.upload_and_wait(collection_id, "travel.md", TRAVEL)
    path = f"/knowledge/collections/{collection_id}"
    calls = [
        person.call("POST", "/knowledge/collections", json={"name": "Mine"}),
        person.call("PATCH", path, json={"name": "Mine"}),
        person.call("DELETE", path),
        person.call("POST", f"{path}/documents", files={"file": ("a.txt", b"text")}),
        person.call("DELETE", f"/knowledge/documents/{document['id']}"),
    ]
    assert {problem_of(await call) for call in calls} == {(403, "not_allowed")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "The canteen opens at noon.".encode("utf-16")),
        ("a.html", b"<html><body><h1>Canteen</h1><p>The canteen opens at noon.</p></body></html>"),
        ("a.pdf", pdf(["The canteen opens at noon."])),
        ("a.md", b"# Canteen\n\nThe canteen opens at noon.\n"),
        ("a.docx", docx(("", "The canteen opens at noon."))),
    ],
)
async def test_every_type_of_file_is_read(platform: Platform, name: str, content: bytes) -> None:
    admin = await platform.sign_up()
    document = await admin.upload_and_wait(await admin.create_collection(), name, content)
    assert document["status"] == "ready", document["reason"]
    assert await found(admin, "canteen") == [name]


async def test_a_broken_pdf_fails_with_a_reason_that_people_understand(platform: Platform) -> None:
    admin = await platform.sign_up()
    broken = b"%PDF-1.7\n" + b"\x00rubbish" * 50
    document = await admin.upload_and_wait(await admin.create_collection(), "broken.pdf", broken)
    assert document["status"] == "failed"
    assert "PDF" in document["reason"]
    assert "Traceback" not in document["reason"]
    assert await found(admin, "rubbish") == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.txt", b"", (422, "empty_document")),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"0" * 99, (415, "unsupported_document")),
        ("picture.pdf", b"\x89PNG\r\n\x1a\n" + b"0" * 99, (415, "unsupported_document")),
        ("program.txt", b"MZ\x00\x01\x02" * 99, (415, "unsupported_document")),
        ("no-ending", b"text", (415, "unsupported_document")),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_kept(
    platform: Platform, settings: Settings, name: str, content: bytes, problem: tuple[int, str]
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    path = f"/knowledge/collections/{collection_id}/documents"
    assert problem_of(await admin.call("POST", path, files={"file": (name, content)})) == problem
    assert (await admin.get(path))["items"] == []
    assert list((settings.data_dir / "uploads").iterdir()) == []


async def test_a_file_over_the_bound_is_refused_and_nothing_is_kept(settings: Settings) -> None:
    small = {
        "knowledge": KnowledgeSettings(max_upload_bytes=10_000),
        "server": ServerSettings(page=False, one_core=False),
    }
    async with platform_on(settings.model_copy(update=small)) as platform:
        admin = await platform.sign_up()
        path = f"/knowledge/collections/{await admin.create_collection()}/documents"
        for size in (10_001, 500_000):
            answer = await admin.call("POST", path, files={"file": ("big.txt", b"x" * size)})
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await admin.get(path))["items"] == []
        assert list((settings.data_dir / "uploads").iterdir()) == []


async def test_unknown_things_are_told_as_such(platform: Platform) -> None:
    admin = await platform.sign_up()
    for method, path in (
        ("GET", f"/knowledge/collections/{UNKNOWN_ID}"),
        ("GET", f"/knowledge/documents/{UNKNOWN_ID}"),
        ("DELETE", f"/knowledge/documents/{UNKNOWN_ID}"),
        ("DELETE", f"/knowledge/collections/{UNKNOWN_ID}"),
    ):
        assert problem_of(await admin.call(method, path))[0] == 404
    upload = await admin.call(
        "POST", f"/knowledge/collections/{UNKNOWN_ID}/documents", files={"file": ("a.txt", b"a")}
    )
    assert problem_of(upload) == (404, "unknown_collection")


async def test_two_collections_cannot_have_one_name(platform: Platform) -> None:
    admin = await platform.sign_up()
    await admin.create_collection("Handbook")
    again = await admin.call("POST", "/knowledge/collections", json={"name": "Handbook"})
    assert problem_of(again) == (409, "collection_name_taken")


async def test_a_file_name_with_a_path_stays_a_title(platform: Platform, settings: Settings) -> None:
    admin = await platform.sign_up()
    document = await admin.upload_and_wait(
        await admin.create_collection(), "../../outside.txt", b"The code is 77."
    )
    assert document["status"] == "ready"
    assert not (Path(settings.data_dir).parent / "outside.txt").exists()
    assert [path.name for path in (settings.data_dir / "uploads").iterdir()] == [document["id"]]


async def test_a_document_that_cannot_be_read_in_all_its_attempts_is_called_failed(
    settings: Settings,
) -> None:
    class BrokenReader(FileDocumentReader):
        def read(self, path: Path, file_name: str) -> list[PassageDraft]:
            raise OSError("the disk is gone")

    hasty = KnowledgeSettings(ingestion_attempts=2, ingestion_retry_seconds=0.01)
    reader = ThreadedReader(BrokenReader())
    async with platform_on(settings.model_copy(update={"knowledge": hasty}), reader=reader) as platform:
        admin = await platform.sign_up()
        document = await admin.upload_and_wait(await admin.create_collection(), "a.txt", b"text")
    assert document["status"] == "failed"
    assert "several times" in document["reason"]


async def test_an_upload_meets_the_deletion_of_its_collection_and_nothing_is_left_between(
    platform: Platform, settings: Settings
) -> None:
    """Each upload is either refused or deleted with the collection; whoever holds something of it is told."""
    admin = await platform.sign_up()
    for _ in range(8):
        collection_id = await admin.create_collection()
        path = f"/knowledge/collections/{collection_id}"
        file = {"file": ("a.txt", b"Some text to read.")}
        meeting = [admin.call("POST", f"{path}/documents", files=file) for _ in range(4)]
        meeting.insert(2, admin.call("DELETE", path))
        answers = await asyncio.gather(*meeting)
        assert {answer.status_code for answer in answers} <= {202, 204, 404}
    await platform.delivered("knowledge.ingestion")
    assert query(settings, "SELECT id FROM knowledge_document") == []
    counted = "SELECT count(*) FROM event_log WHERE name = 'knowledge.document_{}'"
    assert query(settings, counted.format("uploaded")) == query(settings, counted.format("deleted"))
