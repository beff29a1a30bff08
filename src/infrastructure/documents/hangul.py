"""Files of the Hangul word processor: HWP 5 and HWPX."""

import os
import re
from collections.abc import Iterable, Iterator
from itertools import count

import syhwp
from lxml import etree

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents.packages import local_name, package, protected, xml
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.tables import Cell, table_of
from src.infrastructure.documents.text import tidy

_PICTURE = re.compile(r"\s*\[그림\]\s*")
_LONGEST_HEADING = 60
# Korean reports number their parts alike, whatever styles they use, and often draw headings as boxes.
_PART = re.compile(r"[ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ]\s*[.\s]|제\s*\d+\s*[장편]|(?:붙임|참고|별첨|부록)\s*\d*\b")
_CHAPTER = re.compile(r"\d{1,2}\s*[.)]?\s+\S|제\s*\d+\s*절")
_POINT = re.compile(r"[□■▣◈]\s*\S")
_OUTLINE_STYLE = re.compile(r"(?:개요|Outline)\s*(\d)", re.IGNORECASE)
_SENTENCE = re.compile(r"[다요음함됨임]\.$|[.?!]$")
_SECTION_NAME = "Contents/section{}.xml"
_HEADER_NAME = "Contents/header.xml"


def read_hwp(source: Source) -> list[Section]:
    # The library takes a path; a copy in memory has one.
    with os.fdopen(os.memfd_create("document"), "w+b") as file:
        file.write(source.data)
        file.flush()
        document = _open_hwp(f"/dev/fd/{file.fileno()}")
    return source.text_sections(tidy("\n\n".join(_blocks_markdown(document.blocks))))


def read_hwpx(source: Source) -> list[Section]:
    with package(source, _SECTION_NAME.format(0), "an HWPX document") as archive:
        names = set(archive.namelist())
        if b"encryption-data" in (
            archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
        ):
            raise protected()
        levels = _outline_levels(archive.read(_HEADER_NAME)) if _HEADER_NAME in names else {}
        parts: list[str] = []
        for number in count():
            name = _SECTION_NAME.format(number)
            if name not in names:
                break
            parts += _paragraphs_markdown(xml(archive.read(name)), levels)
    return source.text_sections(tidy("\n\n".join(parts)))


def _open_hwp(path: str) -> syhwp.Document:
    try:
        if syhwp.detect_format(path) != "hwp5":
            raise syhwp.InvalidHwpError("not HWP 5")
        return syhwp.open(path)
    except syhwp.EncryptedDocumentError as error:
        raise protected() from error
    except syhwp.InvalidHwpError as error:
        raise UnreadableDocument(
            "The file is not an HWP 5 document or is damaged. Open it in Hangul, save it anew and upload it again."
        ) from error


def _blocks_markdown(blocks: Iterable[object]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, syhwp.Table):
            cells = [
                Cell(cell.row, cell.col, cell.row_span, _PICTURE.sub(" ", cell.text).strip())
                for cell in block.cells
            ]
            yield _box_or_table(cells)
        elif isinstance(block, syhwp.Paragraph):
            yield _paragraph(block.text)
        elif isinstance(block, syhwp.Equation):
            yield block.script


def _box_or_table(cells: list[Cell]) -> str:
    """Return a table; one of a single row is a box around a heading or words, and may have a text below it."""
    rows: dict[int, list[str]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.row, cell.column)):
        if cell.text:
            rows.setdefault(cell.row, []).append(cell.text)
    first, *others = rows.values() or [[]]
    if len(others) > 1 or any(len(row) > 1 for row in others):
        return table_of(cells)
    return "\n\n".join([_box(" ".join(first)), *(row[0] for row in others)])


def _box(text: str) -> str:
    if not text or len(text) > _LONGEST_HEADING or _SENTENCE.search(text):
        return text
    level = 1 if _PART.match(text) else 2 if _CHAPTER.match(text) else 3
    return f"{'#' * level} {text}"


def _paragraph(text: str) -> str:
    if len(text) > _LONGEST_HEADING or _SENTENCE.search(text):
        return text
    if _POINT.match(text):
        return f"### {text}"
    return f"# {text}" if _PART.match(text) and not text[-1].isdigit() else text


def _outline_levels(header: bytes) -> dict[str, int]:
    """Return the levels of the styles that are headings, by their ids."""
    levels = {}
    for style in xml(header).iter():
        named = _OUTLINE_STYLE.match(style.get("name", "")) if local_name(style) == "style" else None
        if named:
            levels[style.get("id", "")] = int(named[1])
    return levels


def _paragraphs_markdown(section: etree._Element, levels: dict[str, int]) -> Iterator[str]:
    for paragraph in section:
        if local_name(paragraph) != "p":
            continue
        text = _text(paragraph).strip()
        level = levels.get(paragraph.get("styleIDRef", ""))
        if text:
            yield f"{'#' * level} {text}" if level else _paragraph(text)
        for element in _nearest(paragraph, "tbl"):
            yield _box_or_table(list(_cells(element)))


def _text(element: etree._Element) -> str:
    """Return the words of a paragraph, without those of the tables in it."""
    parts = []
    for child in element:
        name = local_name(child)
        if name == "t":
            parts.append("".join(child.itertext()))
        elif name == "p":
            parts.append(f"\n{_text(child)}")
        elif name == "script":
            parts.append(child.text or "")
        elif name not in ("tbl", "secPr"):
            parts.append(_text(child))
    return "".join(parts)


def _nearest(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the elements of that name below, but not those within another of them."""
    for child in element:
        if local_name(child) == name:
            yield child
        else:
            yield from _nearest(child, name)


def _cells(table: etree._Element) -> Iterator[Cell]:
    for row, line in enumerate(_nearest(table, "tr")):
        for column, cell in enumerate(_nearest(line, "tc")):
            address, span = next(_nearest(cell, "cellAddr"), None), next(_nearest(cell, "cellSpan"), None)
            yield Cell(
                _number(address, "rowAddr", row),
                _number(address, "colAddr", column),
                _number(span, "rowSpan", 1),
                " ".join(" ".join(cell.itertext("{*}t")).split()),
            )


def _number(element: etree._Element | None, name: str, default: int) -> int:
    value = "" if element is None else element.get(name, "")
    return int(value) if value.isdigit() else default
