"""Tiny files of the Hangul word processor, made by code."""

import struct
import zlib
from collections.abc import Sequence

from tests.documents.samples.packages import archive

_SECTOR = 512
_SMALLEST_STREAM = 4096
_FREE, _CHAIN_END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_PARAGRAPH, _TEXT, _CONTROL, _LIST, _TABLE = 66, 67, 71, 72, 77
_HP = 'xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph"'

Cells = Sequence[tuple[int, int, int, str]]
"""Row, column, how many rows it covers, text."""


def hwp(*paragraphs: str, table: Cells = (), encrypted: bool = False, body: bytes | None = None) -> bytes:
    """Return an HWP 5 file of these paragraphs, then a table; `body` is the compressed section as it is."""
    records = b"".join(_paragraph(text, 0) for text in paragraphs)
    if table:
        records += _record(_PARAGRAPH, 0, bytes(22)) + _table(table)
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05000300, 3 if encrypted else 1)
    return compound({"FileHeader": header, "BodyText/Section0": _deflated(records) if body is None else body})


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _record(tag: int, level: int, data: bytes) -> bytes:
    if len(data) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(data) << 20) + data
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(data)) + data


def _paragraph(text: str, level: int) -> bytes:
    return _record(_PARAGRAPH, level, bytes(22)) + _record(_TEXT, level + 1, f"{text}\r".encode("utf-16-le"))


def _table(cells: Cells) -> bytes:
    rows, columns = max(cell[0] for cell in cells) + 1, max(cell[1] for cell in cells) + 1
    parts = [_record(_CONTROL, 1, b" lbt"), _record(_TABLE, 2, struct.pack("<IHH", 0, rows, columns))]
    for row, column, row_span, text in cells:
        address = struct.pack("<H6xHHHH", 1, column, row, 1, row_span)
        parts += [_record(_LIST, 2, address), _paragraph(text, 2)]
    return b"".join(parts)


def compound(streams: dict[str, bytes]) -> bytes:
    """Return an OLE compound file of two streams, the second in a storage of its own."""
    (first, head), (path, body) = streams.items()
    storage, second = path.split("/")
    parts = [data.ljust(_SMALLEST_STREAM, b"\0") for data in (head, body)]
    parts = [part + bytes(-len(part) % _SECTOR) for part in parts]
    starts, chains, at = [], [_FAT, _CHAIN_END], 2
    for part in parts:
        count = len(part) // _SECTOR
        starts.append(at)
        chains += [*range(at + 1, at + count), _CHAIN_END]
        at += count
    fat = struct.pack(f"<{len(chains)}I", *chains).ljust(_SECTOR, b"\xff")
    entries = [
        _entry("Root Entry", 5, child=1),
        _entry(first, 2, left=2, start=starts[0], size=len(parts[0])),
        _entry(storage, 1, child=3),
        _entry(second, 2, start=starts[1], size=len(parts[1])),
    ]
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, 1, 0, _SMALLEST_STREAM, _CHAIN_END, 0, _CHAIN_END, 0,
    )  # fmt: skip
    return (header + struct.pack("<I", 0)).ljust(_SECTOR, b"\xff") + fat + b"".join(entries) + b"".join(parts)


def _entry(
    name: str, kind: int, left: int = _FREE, child: int = _FREE, start: int = 0, size: int = 0
) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16xI16xIQ", encoded, len(encoded), kind, 1, left, _FREE, child, 0, start, size
    )


def hwpx(*sections: str, styles: str = "", prologue: str = "", extra: dict[str, str] | None = None) -> bytes:
    """Return an HWPX file of sections, each the XML of its paragraphs (see `hwpx_paragraph`, `hwpx_table`)."""
    parts = {"mimetype": "application/hwp+zip", "Contents/header.xml": f"<head>{styles}</head>"}
    for number, body in enumerate(sections):
        parts[f"Contents/section{number}.xml"] = f"{prologue}<hs {_HP}>{body}</hs>"
    return archive(parts | (extra or {}))


def hwpx_paragraph(text: str, style: int = 0) -> str:
    return f'<hp:p styleIDRef="{style}"><hp:run><hp:t>{text}</hp:t></hp:run></hp:p>'


def hwpx_table(cells: Cells) -> str:
    rows = []
    for number in sorted({cell[0] for cell in cells}):
        columns = [
            f'<hp:tc><hp:subList>{hwpx_paragraph(text)}</hp:subList><hp:cellAddr colAddr="{column}" '
            f'rowAddr="{row}"/><hp:cellSpan colSpan="1" rowSpan="{row_span}"/></hp:tc>'
            for row, column, row_span, text in cells
            if row == number
        ]
        rows.append(f"<hp:tr>{''.join(columns)}</hp:tr>")
    return f"<hp:p><hp:run><hp:tbl>{''.join(rows)}</hp:tbl></hp:run></hp:p>"
