"""Which files are taken, and how a failure is told."""

from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import UnreadableDocument, UnsupportedDocument
from src.infrastructure.documents.reader import ENDINGS, FileDocumentReader
from src.infrastructure.documents.reading import READERS
from tests.documents.samples.hangul import hwp, hwpx, hwpx_paragraph
from tests.documents.samples.make import docx, docx_package, pdf
from tests.documents.samples.packages import eml, epub, pptx, xlsx
from tests.unit.infrastructure.documents.conftest import Read
from ui.views.documents import FILE_TYPES

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
EXE = b"MZ\x90\x00\x03\x00\x00\x00"
ZIP = b"PK\x03\x04\x14\x00"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def test_every_type_that_is_taken_is_read_and_offered_on_the_page() -> None:
    assert set(ENDINGS) == set(READERS) == {f".{file_type}" for file_type in FILE_TYPES}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.txt", b"words"),
        ("A.TXT", "휴가".encode("cp949")),
        ("a.txt", "휴가".encode("utf-16")),
        ("a.md", b"# Title"),
        ("a.html", b"<!doctype html>"),
        ("a.htm", b"<p>"),
        ("a.pdf", b"\n\n%PDF-1.7"),
        ("규정.v2.docx", ZIP),
        ("발표.pptx", ZIP),
        ("표.xlsx", ZIP),
        ("a.epub", ZIP),
        ("공문.hwpx", ZIP),
        ("공문.hwp", OLE),
        ("a.csv", b"name,days"),
        ("a.eml", b"Subject: leave"),
    ],
)
def test_takes_what_name_and_content_agree_on(name: str, head: bytes) -> None:
    FileDocumentReader().check(head, name)


@pytest.mark.parametrize("name", ["a.exe", "a.doc", "a.ppt", "a", ".pdf", "a.pdf.zip", ""])
def test_refuses_other_endings_and_names_those_taken(name: str) -> None:
    with pytest.raises(UnsupportedDocument, match=r"\.txt, .*\.pdf, .*\.docx, .*\.hwpx") as refusal:
        FileDocumentReader().check(b"%PDF-1.4 words", name)
    assert refusal.value.status == 415


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.pdf", PNG),
        ("a.pdf", b" " * 1024 + b"%PDF-1.4"),
        ("a.pdf", b""),
        ("a.docx", OLE),
        ("a.docx", b"%PDF-1.4"),
        ("a.hwp", ZIP),
        ("a.hwpx", OLE),
        ("a.csv", ZIP),
        ("a.eml", OLE),
        ("a.txt", EXE),
        ("a.txt", ZIP),
        ("a.txt", b"{\\rtf1"),
        ("a.md", PNG),
        ("a.html", b"%PDF-1.4"),
        ("a.txt", b"\0words"),
    ],
)
def test_refuses_content_that_contradicts_the_ending(name: str, head: bytes) -> None:
    with pytest.raises(UnsupportedDocument, match="another type"):
        FileDocumentReader().check(head, name)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b" \n\t\n ", "no text"),
        ("a.md", b"![picture](p.png)", "no text"),
        ("a.html", b"<nav>Home</nav>", "no text"),
        ("a.txt", bytes(range(256)) * 40, "does not hold readable text"),
        ("a.pdf", b"%PDF-1.4 and then nothing", "damaged or has no pages"),
        ("a.pdf", pdf(), "damaged or has no pages"),
        ("a.pdf", pdf(["secret"], encrypted=True), "protected by a password"),
        ("a.pdf", pdf([], []), "seems to be a scan"),
        ("a.docx", ZIP, "may be damaged"),
        ("a.docx", docx_package("<worksheet/>", "xl/workbook.xml"), "not a Word document"),
        ("a.docx", docx_package("<w:document><w:bo"), "may be damaged"),
        ("a.pptx", docx(("", "words")), "not a PowerPoint file"),
        ("a.xlsx", docx(("", "words")), "not an Excel workbook"),
        ("a.epub", docx(("", "words")), "not an e-book"),
        ("a.hwpx", docx(("", "words")), "not an HWPX document"),
        ("a.xlsx", xlsx({"Sheet": []}), "no text"),
        (
            "a.epub",
            epub({"a.xhtml": "words"}, extra={"META-INF/rights.xml": ""}),
            "protected against copying",
        ),
        ("a.hwp", OLE + b"words" * 999, "not an HWP 5 document or is damaged"),
        ("a.hwp", hwp("비밀", encrypted=True), "protected by a password"),
        ("a.hwp", hwp(body=b"\xff" * 5000), "damaged"),
        (
            "a.hwpx",
            hwpx(hwpx_paragraph("비밀"), extra={"META-INF/manifest.xml": "<encryption-data/>"}),
            "protected by a password",
        ),
        ("a.eml", b"words without any header", "not an e-mail"),
    ],
)
def test_tells_people_why_a_file_cannot_be_read(read: Read, name: str, content: bytes, told: str) -> None:
    with pytest.raises(UnreadableDocument, match=told):
        read(name, content)


def test_keeps_the_library_s_error_as_the_cause(read: Read) -> None:
    with pytest.raises(UnreadableDocument) as failure:
        read("a.docx", ZIP)
    assert type(failure.value.__cause__).__name__ == "BadZipFile"


async def test_a_missing_file_is_not_the_document_s_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await FileDocumentReader().read(tmp_path / "gone", "a.txt", print)


async def test_an_empty_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(UnreadableDocument, match="empty"):
        await FileDocumentReader().read(tmp_path / "a.txt", "a.txt", print)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"word " * 30),
        ("a.md", b"word " * 30),
        ("a.html", b"<p>" + b"word " * 30),
        ("a.pdf", pdf(["word " * 15], ["word " * 15])),
        ("a.docx", docx(("", "word " * 30))),
        ("a.pptx", pptx(("Title", "word " * 15), ("Title", "word " * 15))),
        ("a.xlsx", xlsx({"Sheet": [["word " * 15], ["word " * 15]]})),
        ("a.csv", b"word,word\n" * 15),
        ("a.epub", epub({"1.xhtml": "word " * 15, "2.xhtml": "word " * 15})),
        ("a.hwp", hwp("단어 " * 50)),
        ("a.hwpx", hwpx(hwpx_paragraph("단어 " * 50))),
        ("a.eml", eml("Leave", "word " * 30)),
    ],
)
def test_refuses_more_text_than_the_bound(read: Read, name: str, content: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="more than 100 characters"):
        read(name, content, characters=100)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", pdf(["one"], ["two"], ["three"]), "pages"),
        ("a.pptx", pptx(("one", ""), ("two", ""), ("three", "")), "slides"),
        ("a.xlsx", xlsx({"one": [], "two": [], "three": []}), "sheets"),
        ("a.epub", epub({"1.xhtml": "one", "2.xhtml": "two", "3.xhtml": "three"}), "chapters"),
    ],
)
def test_refuses_more_pages_than_the_bound(read: Read, name: str, content: bytes, kind: str) -> None:
    with pytest.raises(UnreadableDocument, match=f"has 3 {kind}, more than the 2"):
        read(name, content, pages=2)
