"""Which files are taken, and how a failure is told."""

from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import UnreadableDocument, UnsupportedDocument
from src.infrastructure.documents.reader import FileDocumentReader
from tests.documents.samples.make import docx, docx_package, pdf
from tests.unit.infrastructure.documents.conftest import Read

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
EXE = b"MZ\x90\x00\x03\x00\x00\x00"
ZIP = b"PK\x03\x04\x14\x00"
OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


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
    ],
)
def test_takes_what_name_and_content_agree_on(name: str, head: bytes) -> None:
    FileDocumentReader().check(head, name)


@pytest.mark.parametrize("name", ["a.exe", "a.doc", "a.hwp", "a", ".pdf", "a.pdf.zip", ""])
def test_refuses_other_endings_and_names_those_taken(name: str) -> None:
    with pytest.raises(UnsupportedDocument, match=r"\.txt, \.md, \.html, \.htm, \.pdf, \.docx") as refusal:
        FileDocumentReader().check(b"%PDF-1.4 words", name)
    assert refusal.value.status == 415


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.pdf", PNG),
        ("a.pdf", b" " * 1024 + b"%PDF-1.4"),
        ("a.pdf", b""),
        ("a.docx", OLD_WORD),
        ("a.docx", b"%PDF-1.4"),
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
        ("a.txt", b"", "empty"),
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
        ("a.html", b"<div>" * 2_000 + b"words", "may be damaged"),
    ],
)
def test_tells_people_why_a_file_cannot_be_read(read: Read, name: str, content: bytes, told: str) -> None:
    with pytest.raises(UnreadableDocument, match=told):
        read(name, content)


def test_keeps_the_library_s_error_as_the_cause(read: Read) -> None:
    with pytest.raises(UnreadableDocument) as failure:
        read("a.docx", ZIP)
    assert type(failure.value.__cause__).__name__ == "BadZipFile"


def test_a_missing_file_is_not_the_document_s_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileDocumentReader().read(tmp_path / "gone", "a.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"word " * 30),
        ("a.md", b"word " * 30),
        ("a.html", b"<p>" + b"word " * 30),
        ("a.pdf", pdf(["word " * 15], ["word " * 15])),
        ("a.docx", docx(("", "word " * 30))),
    ],
)
def test_refuses_more_text_than_the_bound(read: Read, name: str, content: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="more than 100 characters"):
        read(name, content, max_characters=100)


def test_refuses_more_pages_than_the_bound(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="has 3 pages, more than the 2"):
        read("a.pdf", pdf(["one"], ["two"], ["three"]), max_pages=2)


def test_refuses_a_zip_bomb_before_unpacking_it(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="unpacks to more than 1 MB"):
        read("a.docx", docx(("", "A" * 1_000_001)), max_unpacked_bytes=1_000_000)


def test_refuses_an_entity_bomb(read: Read) -> None:
    entities = "".join(
        f'<!ENTITY {name} "{f"&{inner};" * 50}">' for inner, name in zip("abcde", "bcdef", strict=True)
    )
    bomb = docx(("", "&f;"), prologue=f'<!DOCTYPE x [<!ENTITY a "{"x" * 1000}">{entities}]>')
    with pytest.raises(UnreadableDocument, match="may be damaged"):
        read("a.docx", bomb)
