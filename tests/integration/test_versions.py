"""Versions of documents, through the API: what is the same, what replaces what, and who sees what of it."""

import asyncio
import itertools
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from src.domains.knowledge.models import StoredPassage
from src.domains.knowledge.repositories.documents import VersionRepository
from src.domains.knowledge.services.collections import ManagedCollection
from src.domains.knowledge.services.documents import DocumentService, FileNameTooLong
from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.knowledge import PassagesChanged
from src.shared.middleware.authentication import Principal
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of, stored_files
from tests.databases import query
from tests.fakes import SteppedReader

OLD, NEW = b"The code of the vault is seven.", b"The code of the vault is eleven."


async def test_the_same_content_again_is_recognised_and_nothing_new_is_made(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    first = await admin.send_file(collection_id, "vault.txt", OLD)
    assert (first["status"], first["outcome"]) == ("pending", "new")
    await admin.read_to_its_end(first["id"])
    again = await admin.send_file(collection_id, "vault.txt", OLD)
    assert again == {"id": first["id"], "status": "ready", "outcome": "unchanged"}
    assert len(stored_files(settings)) == 1
    assert len(query(settings, "SELECT id FROM knowledge_document_version")) == 1


async def test_other_content_of_the_same_name_replaces_the_old_version_with_its_file(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    first = await admin.upload_and_wait(collection_id, "vault.txt", OLD)
    second = await admin.send_file(collection_id, "vault.txt", NEW)
    assert (second["id"], second["outcome"]) == (first["id"], "new_version")
    document = await admin.read_to_its_end(second["id"])
    assert (first["version"], document["version"], document["status"]) == (1, 2, "ready")
    assert await admin.texts_about("code of the vault") == [NEW.decode()]
    assert await admin.texts_about("code of the vault", limit=1) == [NEW.decode()]
    assert [item["id"] for item in await listed(admin, collection_id)] == [first["id"]]
    await platform.delivered("knowledge.ingestion")
    assert len(stored_files(settings)) == 1
    assert len(query(settings, "SELECT id FROM knowledge_passage")) == 1


async def listed(person: Person, collection_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.get(f"/knowledge/collections/{collection_id}/documents"))[
        "items"
    ]
    return items


async def test_one_name_in_two_collections_is_two_documents(platform: Platform) -> None:
    admin = await platform.sign_up()
    collections = [await admin.create_collection(name) for name in ("One", "Two")]
    documents = [await admin.upload_and_wait(each, "vault.txt", OLD) for each in collections]
    assert documents[0]["id"] != documents[1]["id"]
    assert len(await admin.texts_about("code of the vault")) == 2


async def test_a_name_whose_hangul_is_taken_apart_is_the_same_name(platform: Platform) -> None:
    """macOS sends names that way; Windows does not."""
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    apart, together = "\u1112\u1172\u1100\u1161.md", "\ud734\uac00.md"
    first = await admin.upload_and_wait(collection_id, apart, OLD)
    assert (await admin.send_file(collection_id, together, OLD))["outcome"] == "unchanged"
    assert first["title"] == together


async def test_documents_are_known_by_their_source_where_one_is_given(platform: Platform) -> None:
    """Files of one name from two folders are two documents; a page whose name changes stays one."""
    admin = await platform.sign_up()
    collection_id = UUID(await admin.create_collection())
    asker = Principal(UUID(admin.id), UUID(admin.id), "admin", ())
    documents: DocumentService = platform.app.state.documents

    async def take(name: str, content: bytes, source: str) -> str:
        place = ManagedCollection(collection_id)
        taken = await documents.upload(asker, place, name, BytesIO(content), len(content), source)
        document = await admin.read_to_its_end(str(taken.document.id))
        assert (document["status"], document["source"], document["title"]) == ("ready", source, name)
        return str(document["id"])

    folders = [await take("readme.txt", OLD, f"{folder}/readme.txt") for folder in ("a", "b")]
    assert len(set(folders)) == 2
    url = "https://example.com/handbook?page=1"
    page = await take("handbook.html", b"<p>The handbook begins here.</p>", url)
    assert await take("handbook.txt", b"The handbook ends here.", url) == page
    assert await admin.texts_about("handbook") == ["The handbook ends here."]


async def test_a_source_that_is_too_long_is_refused(platform: Platform) -> None:
    admin = await platform.sign_up()
    collection_id = UUID(await admin.create_collection())
    asker = Principal(UUID(admin.id), UUID(admin.id), "admin", ())
    documents: DocumentService = platform.app.state.documents
    with pytest.raises(FileNameTooLong):
        await documents.upload(
            asker, ManagedCollection(collection_id), "a.txt", BytesIO(OLD), len(OLD), "가" * 700
        )


async def test_a_version_that_fails_leaves_the_old_one_live_and_tells_why(platform: Platform) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    document = await admin.upload_and_wait(collection_id, "vault.html", b"<p>The code is seven.</p>")
    assert document["status"] == "ready"
    failed = await admin.upload_and_wait(collection_id, "vault.html", b"<p> </p>")
    assert (failed["id"], failed["status"], failed["version"]) == (document["id"], "failed", 1)
    assert failed["reason"]
    assert failed["passage_count"] == 1
    assert await admin.texts_about("code") == ["The code is seven."]
    mended = await admin.upload_and_wait(collection_id, "vault.html", b"<p>The code is nine.</p>")
    assert (mended["status"], mended["reason"], mended["version"]) == ("ready", None, 3)
    assert await admin.texts_about("code") == ["The code is nine."]


async def test_the_same_content_is_tried_again_after_a_failure(settings: Settings) -> None:
    reader = SteppedReader(UnreadableDocument("The reader has a bad day."))
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        first = await admin.upload_and_wait(collection_id, "vault.txt", OLD)
        assert (first["status"], first["reason"]) == ("failed", "The reader has a bad day.")
        again = await admin.send_file(collection_id, "vault.txt", OLD)
        assert again == {"id": first["id"], "status": "pending", "outcome": "unchanged"}
        assert (await admin.read_to_its_end(first["id"]))["status"] == "ready"
        assert await admin.texts_about("code of the vault") == [OLD.decode()]
        await platform.delivered("knowledge.ingestion")
        assert len(stored_files(settings)) == 1


async def test_an_administrator_has_a_failed_version_tried_again(settings: Settings) -> None:
    reader = SteppedReader(UnreadableDocument("The reader has a bad day."))
    async with platform_on(settings, reader=reader) as platform:
        admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
        document = await admin.upload_and_wait(await admin.create_collection(), "vault.txt", OLD)
        path = f"/knowledge/documents/{document['id']}/retry"
        assert problem_of(await person.call("POST", path)) == (403, "not_allowed")
        answer = await admin.call("POST", path)
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
            202,
            "pending",
            None,
        )
        assert (await admin.read_to_its_end(document["id"]))["status"] == "ready"
        assert problem_of(await admin.call("POST", path)) == (409, "not_failed")
        unknown = await admin.call("POST", f"/knowledge/documents/{UNKNOWN_ID}/retry")
        assert problem_of(unknown) == (404, "unknown_document")


async def test_uploads_of_one_source_at_once_make_one_document_that_ends_whole(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    contents = [f"The code of the vault is {number}.".encode() for number in (1, 2, 3, 1, 2, 3)]
    answers = await asyncio.gather(*(admin.send_file(collection_id, "vault.txt", each) for each in contents))
    assert len({answer["id"] for answer in answers}) == 1
    assert [answer["outcome"] for answer in answers].count("new") == 1
    document = await admin.read_to_its_end(answers[0]["id"])
    assert document["status"] == "ready"
    [found] = await admin.texts_about("code of the vault")
    assert found.encode() in contents
    await platform.delivered("knowledge.ingestion")
    assert len(stored_files(settings)) == 1
    assert query(settings, "SELECT number FROM knowledge_document_version") == [(document["version"],)]


async def test_a_replacement_is_never_seen_half(settings: Settings) -> None:
    """Every search finds passages of one version alone, and never none."""
    editions = {
        edition: "\n\n".join(f"# Part {part}\n\nThe ledger of {edition} counts." for part in range(30))
        for edition in ("spring", "summer", "autumn", "winter")
    }
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        first = await admin.upload_and_wait(collection_id, "ledger.md", editions["spring"].encode())
        done = asyncio.Event()

        async def replace() -> None:
            for edition in ("summer", "autumn", "winter"):
                await admin.upload_and_wait(collection_id, "ledger.md", editions[edition].encode())
            done.set()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(replace())
            for limit in itertools.cycle((10, 50)):
                if done.is_set():
                    break
                seen = await admin.texts_about("the ledger counts", limit=limit)
                assert len(seen) == min(limit, first["passage_count"])
                assert sum(any(edition in text for text in seen) for edition in editions) == 1


async def test_what_is_prepared_is_not_found_before_it_is_live(settings: Settings) -> None:
    """Also when the index has it already."""
    reader = SteppedReader()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        document = await admin.upload_and_wait(collection_id, "vault.txt", OLD)
        reader.hold()
        await admin.upload(collection_id, "vault.txt", NEW)
        await reader.begun()

        def prepare(uow: UnitOfWork) -> None:
            newest = VersionRepository(uow).newest(UUID(document["id"]))
            assert newest
            ids = {"document_id": newest.document_id, "version_id": newest.id}
            uow.session.add(StoredPassage(**ids, ordinal=0, location="", text=NEW.decode()))
            uow.record(PassagesChanged(document_id=newest.document_id, collection_id=UUID(collection_id)))

        await platform.app.state.documents._database.write(prepare)
        await platform.delivered("knowledge.index")
        assert await admin.texts_about("code of the vault") == [OLD.decode()]
        assert await admin.texts_about("eleven", limit=1) == []
        preview = await admin.get(f"/knowledge/documents/{document['id']}/passages")
        assert [passage["text"] for passage in preview["items"]] == [OLD.decode()]
        reader.go_on()
        await admin.read_to_its_end(document["id"])
        assert await admin.texts_about("eleven", limit=1) == [NEW.decode()]


async def test_the_passages_of_a_document_are_shown_in_reading_order_by_pages(platform: Platform) -> None:
    admin = await platform.sign_up()
    text = "\n\n".join(f"# Part {number}\n\nText number {number}." for number in range(7))
    document = await admin.upload_and_wait(await admin.create_collection(), "parts.md", text.encode())
    path = f"/knowledge/documents/{document['id']}/passages"
    seen, cursor = [], None
    while True:
        page = await admin.get(path, params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        seen += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert len(seen) == document["passage_count"]
    assert [passage["ordinal"] for passage in seen] == list(range(len(seen)))
    assert [passage["text"] for passage in seen if "number 4" in passage["text"]]
    strange = await admin.call("GET", path, params={"cursor": UNKNOWN_ID})
    assert problem_of(strange) == (422, "unknown_cursor")


@pytest.mark.parametrize("name", ["휴가 규정.html", 'a "quoted"; name.html', "plain.html"])
async def test_the_original_file_is_downloaded_and_never_shown_by_the_browser(
    platform: Platform, name: str
) -> None:
    admin = await platform.sign_up()
    page = b"<script>alert(1)</script><p>The code is seven.</p>"
    document = await admin.upload_and_wait(await admin.create_collection(), name, page)
    answer = await admin.call("GET", f"/knowledge/documents/{document['id']}/content")
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename")
    assert answer.headers["content-disposition"].isascii()


async def test_the_download_is_the_live_versions_until_a_newer_one_is_read(settings: Settings) -> None:
    reader = SteppedReader()
    async with platform_on(settings, reader=reader) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        reader.hold()
        document_id = await admin.upload(collection_id, "vault.txt", OLD)
        path = f"/knowledge/documents/{document_id}"
        assert problem_of(await admin.call("GET", f"{path}/content")) == (404, "nothing_live")
        assert (await admin.get(f"{path}/passages"))["items"] == []
        reader.go_on()
        await admin.read_to_its_end(document_id)
        reader.hold()
        await admin.send_file(collection_id, "vault.txt", NEW)
        assert (await admin.call("GET", f"{path}/content")).content == OLD
        reader.go_on()
        await admin.read_to_its_end(document_id)
        assert (await admin.call("GET", f"{path}/content")).content == NEW


async def test_text_and_files_are_for_the_groups_of_the_collection_alone(platform: Platform) -> None:
    """Administrators manage every document; what is in it they read by their groups, like everybody."""
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    stranger = await platform.sign_up("stranger")
    group_id = await admin.create_group("Sales", member)
    collection_id = await admin.create_collection("Secret", [group_id])
    document = await admin.upload_and_wait(collection_id, "vault.txt", OLD)
    for what in ("passages", "content"):
        path = f"/knowledge/documents/{document['id']}/{what}"
        assert (await member.call("GET", path)).is_success
        for person in (admin, stranger):
            assert problem_of(await person.call("GET", path)) == (404, "unknown_document")
    await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
    for what in ("passages", "content"):
        path = f"/knowledge/documents/{document['id']}/{what}"
        assert problem_of(await member.call("GET", path)) == (404, "unknown_document")
