"""Tables for spreadsheet programs, as CSV (RFC 4180)."""

import csv
import io
from collections.abc import Iterable

FORMULA_SIGNS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What makes a program take a text for a formula: https://owasp.org/www-community/attacks/CSV_Injection."""


def csv_line(cells: Iterable[object]) -> str:
    """Return a row. A text that a program would run is led by an apostrophe, which it does not show."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([_harmless(cell) for cell in cells])
    return line.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_SIGNS) else cell
