"""Scans: their text is recognised where Tesseract is installed, and they are told as such where it is not."""

import shutil
from collections.abc import Iterator

import pytest

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents import recognition
from tests.documents.samples.make import pdf, scan
from tests.unit.infrastructure.documents.conftest import Read

installed = pytest.mark.skipif(
    shutil.which("tesseract") is None,
    reason="needs Tesseract: apt-get install tesseract-ocr tesseract-ocr-kor",
)


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    recognition._languages.cache_clear()
    monkeypatch.setenv("PATH", "")
    yield
    recognition._languages.cache_clear()


@installed
def test_the_words_on_a_scan_are_found_with_their_page(read: Read) -> None:
    passages = read("a.pdf", scan(["The canteen opens at noon."], [], ["Lunch costs five euros."]))
    assert [(passage.location, passage.text) for passage in passages] == [
        ("p. 1", "The canteen opens at noon."),
        ("p. 3", "Lunch costs five euros."),
    ]


@installed
def test_more_pages_than_the_bound_are_not_recognised(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="more than 1 pages without text"):
        read("a.pdf", scan(["one"], ["two"]), ocr_pages=1)


def test_a_scan_is_told_as_such_with_what_helps(read: Read, without_tesseract: None) -> None:
    with pytest.raises(
        UnreadableDocument, match=r"seems to be a scan.*apt-get install tesseract-ocr tesseract-ocr-kor"
    ):
        read("a.pdf", scan(["The canteen opens at noon."]))


def test_a_scan_is_told_as_such_when_recognition_is_switched_off(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="seems to be a scan"):
        read("a.pdf", scan(["The canteen opens at noon."]), ocr_pages=0)


def test_a_page_without_text_or_picture_is_blank(read: Read, without_tesseract: None) -> None:
    assert [passage.location for passage in read("a.pdf", pdf([], ["Second page."]))] == ["p. 2"]
