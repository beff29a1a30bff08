"""Tiny documents made by code, so that a test shows what it reads."""

import zipfile
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from xml.sax.saxutils import escape

from pypdfium2 import PdfDocument, PdfImage, PdfMatrix

_NAMESPACE = "http://schemas.openxmlformats.org"
_WORDS = f'xmlns:w="{_NAMESPACE}/wordprocessingml/2006/main"'
_RELATIONSHIPS = (
    f'<Relationships xmlns="{_NAMESPACE}/package/2006/relationships"><Relationship Id="rId1" '
    f'Type="{_NAMESPACE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
    "</Relationships>"
)


def pdf(*pages: Sequence[str], encrypted: bool = False) -> bytes:
    """Return a PDF with these lines of ASCII text on each page; none on a page stands for a scanned one."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for lines in pages:
        drawn = " ".join(f"({line}) Tj T*" for line in lines)
        content = f"BT /F1 9 Tf 12 TL 40 800 Td {drawn} ET"
        number = len(objects) + 1
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"
    return _with_offsets(objects, encrypted)


def _with_offsets(objects: list[str], encrypted: bool) -> bytes:
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    # Keys that fit no password: the reader must ask for one.
    lock = (
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'00' * 32}> /U <{'11' * 32}> >> "
        if encrypted
        else ""
    )
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return body + (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R /ID [<{'00' * 16}> <{'00' * 16}>] {lock}>>\n"
        f"startxref\n{len(body)}\n%%EOF\n"
    ).encode("ascii")


def scan(*pages: Sequence[str]) -> bytes:
    """Return a PDF of pictures of pages with these lines."""
    with closing(PdfDocument(pdf(*pages))) as text, closing(PdfDocument.new()) as pictures:
        for page in text:
            width, height = page.get_size()
            picture = PdfImage.new(pictures)
            picture.set_bitmap(page.render(scale=2))
            picture.set_matrix(PdfMatrix().scale(width, height))
            blank = pictures.new_page(width, height)
            blank.insert_obj(picture)
            blank.gen_content()
        file = BytesIO()
        pictures.save(file)
    return file.getvalue()


def docx(*paragraphs: tuple[str, str], table: Sequence[Sequence[str]] = (), prologue: str = "") -> bytes:
    """Return a Word file of (style, text) paragraphs, then a table; the style "" is plain text."""
    body = "".join(_paragraph(text, style) for style, text in paragraphs) + _table(table)
    return docx_package(
        f'<?xml version="1.0"?>{prologue}<w:document {_WORDS}><w:body>{body}</w:body></w:document>'
    )


def docx_with_footnote(text: str, note: str) -> bytes:
    reference = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    return docx_package(
        f"<w:document {_WORDS}><w:body><w:p><w:r><w:t>{text}</w:t></w:r>{reference}</w:p></w:body></w:document>",
        footnotes=f'<w:footnotes {_WORDS}><w:footnote w:id="1">{_paragraph(note)}</w:footnote></w:footnotes>',
    )


def docx_package(document: str, name: str = "word/document.xml", footnotes: str = "") -> bytes:
    types = (
        f'<Types xmlns="{_NAMESPACE}/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", types)
        package.writestr("_rels/.rels", _RELATIONSHIPS)
        package.writestr(name, document)
        if footnotes:
            package.writestr("word/footnotes.xml", footnotes)
    return file.getvalue()


def _paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    # An entity of the prologue is left as it is.
    return f"<w:p>{properties}<w:r><w:t>{text if text.startswith('&') else escape(text)}</w:t></w:r></w:p>"


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = (f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>" for row in rows)
    return f"<w:tbl>{''.join(cells)}</w:tbl>"
