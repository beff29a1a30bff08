"""Spreadsheets: Excel workbooks and CSV files."""

import csv
import datetime
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

from src.domains.knowledge.services.ports import Progress
from src.infrastructure.documents.packages import package, protected
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.tables import row_sections
from src.infrastructure.documents.text import decode, tidy

_DELIMITERS = ",;\t|"
_SAMPLE_CHARACTERS = 4096
_TALLEST_MERGE = 200


def read_xlsx(source: Source) -> Iterator[Section]:
    with package(source, "xl/workbook.xml", "an Excel workbook"):
        pass
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(source.data))
    except PasswordError as error:
        raise protected() from error
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    source.check_pages(len(names), "sheets")
    for number, name in enumerate(names, start=1):
        yield from _sheet_sections(workbook.get_sheet_by_name(name), source)
        source.tell(Progress(number, len(names)))


def read_csv(source: Source) -> Iterator[Section]:
    text = decode(source.data)
    source.check_characters(len(text))
    csv.field_size_limit(source.limits.characters)
    rows = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text))
    numbered = enumerate(([tidy(cell).strip() for cell in row] for row in rows), start=1)
    return row_sections("", numbered, source.limits.passage_tokens)


def _sheet_sections(sheet: CalamineSheet, source: Source) -> Iterator[Section]:
    repeated = _repeated_cells(sheet)
    rows = (
        (number + 1, [_text(value) or repeated.get((number, column), "") for column, value in enumerate(row)])
        for number, row in enumerate(sheet.iter_rows())
    )
    return row_sections(sheet.name, rows, source.limits.passage_tokens)


def _repeated_cells(sheet: CalamineSheet) -> dict[tuple[int, int], str]:
    """Return what merged cells say in the rows below their first, so that each row can be read alone."""
    merged = [span for span in sheet.merged_cell_ranges or () if span[0][0] < span[1][0]]
    starts = {first: last[0] for first, last in merged}
    repeated: dict[tuple[int, int], str] = {}
    for number, row in enumerate(sheet.iter_rows() if starts else ()):
        for column, value in enumerate(row):
            for below in range(
                number + 1, min(starts.get((number, column), number), number + _TALLEST_MERGE) + 1
            ):
                repeated[below, column] = _text(value)
    return repeated


def _delimiter(text: str) -> str:
    """Return the sign that the first line holds most often, or else the lines below it; a comma if none."""
    sample = text[:_SAMPLE_CHARACTERS]
    first = sample.splitlines()[0] if sample.strip() else ""
    return max(_DELIMITERS, key=lambda sign: (first.count(sign), sample.count(sign)))


def _text(value: Any) -> str:
    """Return a cell as people see it, as far as that is known without its format."""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    return tidy(str(value)).strip()
