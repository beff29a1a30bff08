"""Tiny slides, spreadsheets, e-books and e-mails, made by code."""

import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from io import BytesIO

import xlsxwriter
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.slide import Slide
from pptx.util import Inches

_TITLE_AND_CONTENT, _BLANK = 1, 6


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a zip file of these parts."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return file.getvalue()


def pptx(
    *slides: tuple[str, str],
    notes: str = "",
    boxes: Sequence[tuple[int, str]] = (),
    table: Sequence[Sequence[str]] = (),
    chart: Mapping[str, Sequence[float | None]] | None = None,
    group: Sequence[str] = (),
) -> bytes:
    """Return a file of slides (title, text); the last has notes, boxes (inches down, text), and so on."""
    presentation = Presentation()
    for title, text in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[_TITLE_AND_CONTENT])
        slide.shapes.title.text, slide.placeholders[1].text = title, text
    if notes:
        slide.notes_slide.notes_text_frame.text = notes
    for top, text in boxes:
        slide.shapes.add_textbox(0, Inches(top), Inches(1), Inches(1)).text_frame.text = text
    if table:
        shape = slide.shapes.add_table(len(table), len(table[0]), 0, Inches(9), Inches(5), Inches(1))
        for row, cells in enumerate(table):
            for column, text in enumerate(cells):
                shape.table.cell(row, column).text = text
    for number, text in enumerate(group):
        if not number:
            grouped = slide.shapes.add_group_shape()
        grouped.shapes.add_textbox(0, Inches(1 - number), 1, 1).text_frame.text = text
    if chart:
        _add_chart(slide, chart)
    file = BytesIO()
    presentation.save(file)
    return file.getvalue()


def _add_chart(slide: Slide, series: Mapping[str, Sequence[float | None]]) -> None:
    data = CategoryChartData()
    data.categories = ["Kim", "Lee"]
    for name, numbers in series.items():
        data.add_series(name, numbers)
    shape = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, Inches(9), Inches(3), Inches(3), data)
    shape.chart.chart_title.text_frame.text = "Days by year"


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[object]]], merged: Sequence[tuple[int, int, int, int, str]] = ()
) -> bytes:
    """Return a workbook of sheets of rows; the last has `merged` cells (row and column, last ones, text)."""
    file = BytesIO()
    with xlsxwriter.Workbook(file, {"default_date_format": "yyyy-mm-dd"}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
        for area in merged:
            sheet.merge_range(*area)
    return file.getvalue()


def epub(chapters: Mapping[str, str], prologue: str = "", extra: Mapping[str, str] | None = None) -> bytes:
    """Return an e-book of chapters (name of the page, its body)."""
    items = "".join(
        f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    pages = {f"EPUB/{name}": f"<html><body>{body}</body></html>" for name, body in chapters.items()}
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="EPUB/book.opf"/></container>',
            "EPUB/book.opf": f"{prologue}<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
        }
        | pages
        | dict(extra or {})
    )


def eml(subject: str, text: str, html: str = "", attachments: Mapping[str, bytes] | None = None) -> bytes:
    """Return an e-mail; a text of "" leaves the HTML alone."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "kim@example.com", "lee@example.com"
    if text or not html:
        message.set_content(text)
    if html and text:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    for name, data in (attachments or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()
