"""Files made to do harm: each is read, or refused with a reason, within its limits, and nothing else happens."""

import os
import random
import zipfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import PassageDraft, UnreadableDocument
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.documents.sections import Limits
from tests.documents.samples.hangul import hwp, hwpx, hwpx_paragraph
from tests.documents.samples.make import docx, pdf
from tests.documents.samples.packages import archive, eml, epub, pptx, xlsx

Read = Callable[..., Awaitable[list[PassageDraft]]]

PACKAGES = {
    "a.docx": docx(("", "Fifteen days")),
    "a.pptx": pptx(("Leave", "Fifteen days")),
    "a.xlsx": xlsx({"Leave": [["Fifteen days"]]}),
    "a.epub": epub({"1.xhtml": "Fifteen days"}),
    "a.hwpx": hwpx(hwpx_paragraph("Fifteen days")),
}
WITH_TEXT = {
    "a.docx": "word/document.xml",
    "a.pptx": "ppt/slides/slide1.xml",
    "a.xlsx": "xl/sharedStrings.xml",
    "a.epub": "EPUB/1.xhtml",
    "a.hwpx": "Contents/section0.xml",
}
SECRET = "the secret of the server"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file as the platform does: in a process of its own, within limits."""

    async def read_file(name: str, content: bytes, **limits: float) -> list[PassageDraft]:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return await FileDocumentReader(Limits(**limits)).read(path, name, lambda _progress: None)  # type: ignore[arg-type]

    return read_file


async def outcome(reading: Awaitable[list[PassageDraft]]) -> str:
    """Return all the text that was read, or the reason why nothing was."""
    try:
        return "\n".join(f"{passage.location} {passage.text}" for passage in await reading)
    except UnreadableDocument as refusal:
        return f"refused: {refusal}"


def changed(package: bytes, part: str, change: Callable[[str], str]) -> bytes:
    """Return a package with one part changed."""
    with zipfile.ZipFile(BytesIO(package)) as old:
        parts: dict[str, str | bytes] = {name: old.read(name) for name in old.namelist()}
    content = parts[part]
    assert isinstance(content, bytes)
    return archive({**parts, part: change(content.decode())})


def with_entity(package: bytes, part: str, declared: str) -> bytes:
    """Return the package with a document type that declares entities, and `&x;` in its text."""

    def declare(xml: str) -> str:
        body = xml.partition("?>")[2] if xml.startswith("<?xml") else xml
        return f"<!DOCTYPE any [{declared}]>" + body.replace("Fifteen", "&x; Fifteen")

    return changed(package, part, declare)


@pytest.mark.parametrize("name", PACKAGES)
async def test_a_package_that_unpacks_to_far_more_is_refused(read: Read, name: str) -> None:
    bomb = changed(PACKAGES[name], WITH_TEXT[name], lambda xml: xml + " " * 3_000_000)
    assert "unpacks to more than 2 MB" in await outcome(read(name, bomb, unpacked_bytes=2_000_000))


@pytest.mark.parametrize("name", PACKAGES)
async def test_a_package_that_lies_about_its_sizes_is_refused(read: Read, name: str) -> None:
    """The directory says that the part with the text has 100 bytes."""
    bomb = bytearray(changed(PACKAGES[name], WITH_TEXT[name], lambda xml: xml + " " * 3_000_000))
    entry = bomb.rindex(WITH_TEXT[name].encode()) - 46
    assert bomb[entry : entry + 4] == b"PK\x01\x02"
    bomb[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    told = await outcome(read(name, bytes(bomb), unpacked_bytes=2_000_000))
    assert "damaged" in told or "crashed" in told


async def test_a_package_of_very_many_parts_is_refused(read: Read) -> None:
    bomb = archive({**dict.fromkeys(map(str, range(20_001)), ""), "word/document.xml": "<a/>"})
    assert "more than 20,000 parts" in await outcome(read("a.docx", bomb))


async def test_a_package_within_a_package_is_never_opened(read: Read) -> None:
    inner = archive({"zeros": bytes(3_000_000)})
    with zipfile.ZipFile(BytesIO(PACKAGES["a.docx"])) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    nested = archive({**parts, "word/embeddings/inner.zip": archive({"inner.zip": inner})})
    assert await outcome(read("a.docx", nested, unpacked_bytes=1_000_000)) == " Fifteen days"


@pytest.mark.parametrize("name", PACKAGES)
async def test_a_bomb_of_entities_does_not_go_off(read: Read, name: str) -> None:
    levels = "".join(
        f'<!ENTITY {entity} "{f"&{inner};" * 50}">' for inner, entity in zip("abcdef", "bcdefx", strict=True)
    )
    bomb = with_entity(PACKAGES[name], WITH_TEXT[name], f'<!ENTITY a "{"boom" * 100}">{levels}')
    told = await outcome(read(name, bomb, memory_mb=256, seconds=60))
    assert "boom" not in told
    assert "longer than" not in told


@pytest.mark.parametrize("name", PACKAGES)
async def test_an_entity_of_a_file_of_the_server_is_not_read(read: Read, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    spy = with_entity(PACKAGES[name], WITH_TEXT[name], f'<!ENTITY x SYSTEM "file://{tmp_path / "secret"}">')
    assert SECRET not in await outcome(read(name, spy))


async def test_names_that_lead_out_of_a_package_lead_nowhere(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    outside = f"../../../../../../../..{tmp_path}"
    book = epub({f"{outside}/secret": "Inside", "1.xhtml": "Fifteen days"})
    told = await outcome(read("a.epub", book))
    assert "Fifteen days" in told
    assert SECRET not in told
    assert set(os.listdir(tmp_path)) == {"secret", "upload"}


@pytest.mark.parametrize(
    ("tag", "depth"),
    [(b"<div>", 100_000), (b"<ul><li>", 5_000), (b"<table><tr><td>", 5_000), (b"<b>", 5_000)],
)
async def test_a_page_nested_very_deep_is_refused(read: Read, tag: bytes, depth: int) -> None:
    assert "nested too deeply" in await outcome(read("a.html", tag * depth + b"words"))


async def test_a_document_nested_very_deep_is_refused(read: Read) -> None:
    deep = changed(
        PACKAGES["a.hwpx"],
        WITH_TEXT["a.hwpx"],
        lambda xml: xml.replace("Fifteen", "<hp:t>" * 50_000 + "Fifteen" + "</hp:t>" * 50_000),
    )
    assert "refused" in await outcome(read("a.hwpx", deep))


async def test_a_table_of_very_many_cells_is_read_or_refused_within_its_limits(read: Read) -> None:
    told = await outcome(read("a.html", b"<table><tr><td>a<td>b" + b"<tr><td>1<td>2" * 10_000))
    assert told.count("| 1 | 2 |") == 10_000


async def test_a_sheet_whose_last_cell_is_at_the_end_of_the_world_is_refused(read: Read) -> None:
    """Held as a whole it would have seventeen billion cells."""
    far = changed(
        xlsx({"Sheet": [[1], [2]]}),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace('"A2"', '"XFD1048576"'),
    )
    assert "memory" in await outcome(read("a.xlsx", far, memory_mb=256))


async def test_a_csv_file_of_one_endless_line_is_cut(read: Read) -> None:
    for line in (b"x" * 200_000, b"x," * 100_000, b'"' + b"x\n" * 100_000):
        assert (await outcome(read("a.csv", line))).count("x") >= 100_000


async def test_a_pdf_that_claims_absurdly_many_pages_is_read_as_it_is_or_refused(read: Read) -> None:
    told = await outcome(read("a.pdf", pdf(["one"]).replace(b"/Count 1", b"/Count 99999999")))
    assert told == "p. 1 one" or "more than the 2,000" in told


async def test_a_pdf_whose_pages_go_round_in_circles_is_refused(read: Read) -> None:
    content = pdf(["one"], ["two"]).replace(b"/Kids [4 0 R 6 0 R]", b"/Kids [2 0 R 2 0 R]")
    assert "refused" in await outcome(read("a.pdf", content))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["a.hwp", "a.pdf", "a.docx", "a.hwpx"])
async def test_a_file_with_flipped_bytes_is_read_or_refused(read: Read, name: str, seed: int) -> None:
    whole = {
        "a.hwp": hwp("연차 휴가", table=[(0, 0, 1, "일수")]),
        "a.pdf": pdf(["one"], ["two"]),
        **PACKAGES,
    }[name]
    chance = random.Random(seed)
    broken = bytearray(whole)
    for _ in range(20):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    assert "longer than" not in await outcome(read(name, bytes(broken), seconds=60, memory_mb=256))


async def test_a_hangul_file_that_unpacks_without_end_is_refused(read: Read) -> None:
    assert "memory" in await outcome(read("a.hwp", hwp("가" * 20_000_000), memory_mb=64))


async def test_an_e_mail_s_attachments_are_bounded_like_documents(read: Read) -> None:
    bomb = changed(PACKAGES["a.docx"], WITH_TEXT["a.docx"], lambda xml: xml + " " * 3_000_000)
    content = eml(
        "Leave", "Fifteen days", attachments={"a.docx": bomb} | {f"{n}.txt": b"x" for n in range(50)}
    )
    told = await outcome(read("a.eml", content, unpacked_bytes=2_000_000))
    assert "Fifteen days" in told
    assert told.count(".txt") >= 50


async def test_reading_that_takes_too_long_is_ended(read: Read) -> None:
    told = await outcome(read("a.html", b"<b>x</b>" * 1_000_000, seconds=0.5))
    assert told == "refused: Reading the file took longer than 0.5 seconds. Split it and upload the parts."


async def test_reading_that_takes_too_much_memory_is_ended(read: Read) -> None:
    told = await outcome(read("a.txt", b"word " * 20_000_000, memory_mb=64, characters=10**9))
    assert told == "refused: Reading the file needs more memory than 64 MB. Split it and upload the parts."
