"""Files made to do harm, sent through the API: each is refused or fails with a reason, and the server goes on."""

import os
import zipfile
from io import BytesIO

import pytest

from src.infrastructure.settings import KnowledgeSettings, Settings
from tests.builders import Person, Platform, platform_on, stored_files
from tests.documents.samples.make import docx, pdf
from tests.documents.samples.packages import archive

MEGABYTE = 1_000_000
LIMITS = KnowledgeSettings(
    embeddings="none", max_unpacked_bytes=2 * MEGABYTE, read_memory_mb=256, read_seconds=20
)


def package(**parts: bytes) -> bytes:
    """Return a Word document with more in it."""
    with zipfile.ZipFile(BytesIO(docx(("", "Fifteen days")))) as old:
        return archive({name: old.read(name) for name in old.namelist()} | parts)


ENTITIES = "".join(
    f'<!ENTITY {entity} "{f"&{inner};" * 50}">' for inner, entity in zip("abcdef", "bcdefx", strict=True)
)
FAILING = {
    "zip-bomb.docx": package(bomb=bytes(3 * MEGABYTE)),
    "entities.docx": package(
        **{"word/document.xml": f'<!DOCTYPE w [<!ENTITY a "boom">{ENTITIES}]><w>&x;</w>'.encode()}
    ),
    "loop.pdf": pdf(["one"], ["two"]).replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [2 0 R 2 0 R]"),
    "many.docx": archive(dict.fromkeys(map(str, range(10_000)), "") | {"word/document.xml": "<a/>"}),
}
"""Taken, then found out: the document fails."""
REFUSED = {
    "empty.txt": b"",
    "program.exe": b"MZ" + bytes(100),
    "polyglot.txt": b"%PDF-1.7\nPK <script>alert(1)</script> Fifteen days",
    "page.pdf": b"<html><script>alert(1)</script>Fifteen days</html>",
    "pixel.svg": b"<svg onload='alert(1)'/>",
    "..": b"Fifteen days",
}
HARMLESS = {
    "nested.docx": package(
        **{"word/embeddings/inner.zip": archive({"inner.zip": archive({"0": bytes(MEGABYTE)})})}
    ),
    "../../../../etc/cron.d/x.txt": b"Fifteen days",
    "..\\..\\x.txt": b"Fifteen days",
    "polyglot.txt": b"Fifteen days %PDF-1.7 <script>alert(1)</script> GIF89a",
}
"""Read as what they are called, for what they say: nothing of them is unpacked, run, or written elsewhere."""


@pytest.mark.only("sqlite")
async def test_hostile_files_do_no_harm(settings: Settings) -> None:
    async with platform_on(settings.model_copy(update={"knowledge": LIMITS})) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        failed = await _failed(admin, collection_id)
        assert failed.keys() == FAILING.keys()
        assert "2 MB" in failed["zip-bomb.docx"]
        refused = {name: await _status(admin, collection_id, name, file) for name, file in REFUSED.items()}
        assert all(400 <= status < 500 for status in refused.values()), refused
        for name, content in HARMLESS.items():
            document = await admin.upload_and_wait(collection_id, name, content)
            assert document["status"] == "ready", (name, document["reason"])
            assert "/" not in document["title"]
        await _is_well(platform, admin, settings)


async def _failed(admin: Person, collection_id: str) -> dict[str, str]:
    """Upload what will fail all at once; return the reasons."""
    sent = {
        name: (await admin.send_file(collection_id, name, content))["id"] for name, content in FAILING.items()
    }
    ended = {name: await admin.read_to_its_end(document_id) for name, document_id in sent.items()}
    return {name: document["reason"] for name, document in ended.items() if document["status"] == "failed"}


async def _status(admin: Person, collection_id: str, name: str, content: bytes) -> int:
    path = f"/knowledge/collections/{collection_id}/documents"
    return (await admin.call("POST", path, files={"file": (name, content)})).status_code


async def _is_well(platform: Platform, admin: Person, settings: Settings) -> None:
    """The server answers, searches what it took, and has written nothing out of its own folder."""
    assert (await platform.client.get("/health/ready")).status_code == 200
    assert "Fifteen days" in "".join(await admin.texts_about("Fifteen days"))
    assert all(os.sep not in name and ".." not in name for name in stored_files(settings))
