"""E-books, chapter by chapter in the order of their spine."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote
from zipfile import ZipFile

from lxml import etree

from src.domains.knowledge.services.ports import Progress, UnreadableDocument
from src.infrastructure.documents.markup import decode_declared, html_to_markdown
from src.infrastructure.documents.packages import local_name, package, xml
from src.infrastructure.documents.sections import Section, Source

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/rights.xml"


def read_epub(source: Source) -> Iterator[Section]:
    """Yield the sections of each chapter below its headings; one without any is called by its number."""
    with package(source, _CONTAINER, "an e-book (EPUB)") as book:
        if _RIGHTS in book.namelist():
            raise UnreadableDocument("The e-book is protected against copying and cannot be read here.")
        chapters = list(_chapters(book))
        source.check_pages(len(chapters), "chapters")
        for number, name in enumerate(chapters, start=1):
            markdown = html_to_markdown(decode_declared(book.read(name), "utf-8"))
            for section in source.text_sections(markdown):
                yield Section(section.path or (f"chapter {number}",), section.text)
            source.tell(Progress(number, len(chapters)))


def _chapters(book: ZipFile) -> Iterator[str]:
    """Yield the names of the chapters' pages, without the table of contents."""
    package_name = next(
        unquote(element.get("full-path", ""))
        for element in xml(book.read(_CONTAINER)).iter()
        if local_name(element) == "rootfile"
    )
    root = xml(book.read(package_name))
    items = {element.get("id"): element for element in root.iter() if local_name(element) == "item"}
    names = set(book.namelist())
    for reference in root.iter():
        item = items.get(reference.get("idref")) if local_name(reference) == "itemref" else None
        if item is not None and _is_chapter(item):
            name = posixpath.normpath(
                posixpath.join(posixpath.dirname(package_name), unquote(item.get("href", "")))
            )
            if name in names:
                yield name


def _is_chapter(item: etree._Element) -> bool:
    is_contents = "nav" in item.get("properties", "").split()
    return "html" in item.get("media-type", "") and not is_contents
