"""Tables as Markdown, and long ones as sections that know their rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from src.infrastructure.documents.sections import Section
from src.infrastructure.documents.tokens import token_estimate

Row = Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A table's cell: where it stands, how many rows it covers, and its text."""

    row: int
    column: int
    row_span: int
    text: str


def table_of(cells: Iterable[Cell]) -> str:
    """Return the Markdown of a table with merged cells; what spans rows is repeated in each, so that a row can be
    read alone. Empty rows and columns are left out."""
    grid: dict[int, dict[int, str]] = {}
    texts = [cell for cell in cells if cell.text.strip()]
    last_row = max((cell.row for cell in texts), default=0)
    for cell in texts:
        for row in range(cell.row, min(cell.row + cell.row_span - 1, last_row) + 1):
            grid.setdefault(row, {}).setdefault(cell.column, cell.text)
    columns = sorted({column for row in grid.values() for column in row})
    return table_markdown([[grid[row].get(column, "") for column in columns] for row in sorted(grid)])


def table_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table whose header is the first of them."""
    if not rows:
        return ""
    width = max(map(len, rows))
    return "\n".join([_line(rows[0], width), _rule(width), *(_line(row, width) for row in rows[1:])])


def row_sections(sheet: str, rows: Iterable[tuple[int, Row]], tokens: int) -> Iterator[Section]:
    """Yield the numbered rows of a sheet in tables of about `tokens`, each with the header and the rows' numbers
    as its location. Single words above the header are its title; an empty row may end a table."""
    block = _Block(sheet, tokens)
    for number, row in rows:
        yield from block.add(number, _without_empty_end(row))
    yield from block.flush()


class _Block:
    """The rows gathered for the next section."""

    def __init__(self, sheet: str, tokens: int) -> None:
        self._sheet = sheet
        self._tokens = tokens
        self._title: list[str] = []
        self._header: Row = ()
        self._rows: list[Row] = []
        self._first = self._last = self._size = 0
        self._after_gap = False

    def add(self, number: int, row: Row) -> Iterator[Section]:
        filled = [cell for cell in row if cell]
        if not filled:
            self._after_gap = True
            return
        is_new = not self._header or self._after_gap
        self._after_gap = False
        size = token_estimate(_line(row, len(row)))
        if is_new and (len(filled) == 1 or not any(map(_is_number, filled)) or not self._header):
            yield from self._begin_table(row, filled, size)
        else:
            yield from self._make_room(size)
            self._rows.append(row)
        self._size += size
        self._first = self._first or number
        self._last = number

    def flush(self) -> Iterator[Section]:
        """Yield what was gathered; the header stays for the rows that follow."""
        if not self._first:
            return
        table = table_markdown([self._header, *self._rows]) if self._header else ""
        text = "\n\n".join(part for part in ["\n".join(self._title), table] if part)
        place = f"rows {self._first}-{self._last}"
        # One step of a path: small tables are not put together, so that each keeps its place.
        yield Section((f"sheet {self._sheet} > {place}" if self._sheet else place,), text)
        self._title, self._rows, self._first = [], [], 0
        self._size = self._header_size()

    def _begin_table(self, row: Row, filled: Row, size: int) -> Iterator[Section]:
        """Take a header, or a word alone: a title, or a line of a sheet that is no table."""
        if self._header:
            yield from self.flush()
            self._header, self._size = (), 0
        if len(filled) == 1:
            yield from self._make_room(size)
            self._title.append(filled[0])
        else:
            self._header = row
            self._size += token_estimate(_rule(len(row)))

    def _header_size(self) -> int:
        return token_estimate(table_markdown([self._header])) if self._header else 0

    def _make_room(self, size: int) -> Iterator[Section]:
        if (self._rows or self._title) and self._size + size > self._tokens:
            yield from self.flush()


def _without_empty_end(row: Row) -> Row:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _is_number(cell: str) -> bool:
    return cell.lstrip("-+₩$€").replace(",", "").replace(".", "", 1).rstrip("%원").isdigit()


def _line(row: Row, width: int) -> str:
    cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
    return f"| {' | '.join(cells + [''] * (width - len(cells)))} |"


def _rule(width: int) -> str:
    return f"|{' --- |' * width}"
