"""PowerPoint files, slide by slide."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import zip_longest

from pptx import Presentation
from pptx.chart.chart import Chart
from pptx.shapes.base import BaseShape
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.text.text import TextFrame

from src.domains.knowledge.services.ports import Progress
from src.infrastructure.documents.packages import package
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.tables import Cell, table_markdown, table_of
from src.infrastructure.documents.text import tidy

_DEEPEST_GROUP = 20
# Date, footer and slide number: the same on every slide.
_FURNITURE = {13, 15, 16}
_LARGEST_CHART = 2_000


def read_pptx(source: Source) -> Iterator[Section]:
    with package(source, "ppt/presentation.xml", "a PowerPoint file"):
        pass
    slides = Presentation(BytesIO(source.data)).slides
    source.check_pages(len(slides), "slides")
    for number, slide in enumerate(slides, start=1):
        text = tidy("\n\n".join(part for part in _parts(slide) if part.strip()))
        if text:
            yield Section((f"slide {number}",), text)
        source.tell(Progress(number, len(slides)))


def _parts(slide: Slide) -> Iterator[str]:
    """Yield what a slide says as it is read: its title, the rest from the top, the speaker's notes."""
    title = slide.shapes.title
    if title is not None:
        yield title.text_frame.text.replace("\v", " ")
    shapes = [shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id]
    for shape in _in_reading_order(shapes):
        yield from _shape_parts(shape)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) and notes.text.strip():
        yield f"Notes: {notes.text}"


def _in_reading_order(shapes: Iterable[BaseShape]) -> list[BaseShape]:
    return sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0))


def _shape_parts(shape: BaseShape, depth: int = 0) -> Iterator[str]:
    if isinstance(shape, GroupShape):
        if depth < _DEEPEST_GROUP:
            for inner in _in_reading_order(shape.shapes):
                yield from _shape_parts(inner, depth + 1)
    elif shape.is_placeholder and shape.placeholder_format.type in _FURNITURE:
        return
    elif shape.has_text_frame:
        yield _paragraphs(shape.text_frame)  # type: ignore[attr-defined]  # as it just said
    elif getattr(shape, "has_table", False):
        yield _table(shape.table)  # type: ignore[attr-defined]
    elif getattr(shape, "has_chart", False):
        yield _chart(shape.chart)  # type: ignore[attr-defined]


def _paragraphs(frame: TextFrame) -> str:
    lines = [(paragraph.level, paragraph.text.replace("\v", "\n").strip()) for paragraph in frame.paragraphs]
    texts = [(level, text) for level, text in lines if text]
    if len(texts) < 2:
        return "".join(text for _, text in texts)
    return "\n".join(f"{'  ' * level}- {text}" if level else text for level, text in texts)


def _table(table: object) -> str:
    cells = [
        Cell(row, column, cell.span_height, cell.text)
        for row, line in enumerate(table.rows)  # type: ignore[attr-defined]
        for column, cell in enumerate(line.cells)
        if not cell.is_spanned
    ]
    return table_of(cells)


def _chart(chart: Chart) -> str:
    """Return a chart as the table of its numbers, as far as it keeps them."""
    title = chart.chart_title.text_frame.text if chart.has_title and chart.chart_title.has_text_frame else ""
    rows: list[list[str]] = []
    for plot in chart.plots:
        series = list(plot.series)[:_LARGEST_CHART]
        rows.append(["", *(one.name for one in series)])
        categories = list(plot.categories)[:_LARGEST_CHART]
        # A series may be shorter than the others.
        numbers = zip_longest(*(list(one.values)[: len(categories)] for one in series))
        for category, values in zip_longest(categories, numbers, fillvalue=()):
            rows.append([str(category), *("" if value is None else str(value) for value in values)])
    return "\n\n".join(part for part in [title, table_markdown(rows)] if part)
