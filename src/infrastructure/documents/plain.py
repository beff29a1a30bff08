"""Text and Markdown files."""

from src.infrastructure.documents.sections import Limits, Section, sections_of
from src.infrastructure.documents.text import clean_markdown, decode, tidy


def read_text(data: bytes, limits: Limits) -> list[Section]:
    text = tidy(decode(data))
    limits.check_characters(len(text))
    return [Section((), text)]


def read_markdown(data: bytes, limits: Limits) -> list[Section]:
    text = tidy(clean_markdown(tidy(decode(data))))
    limits.check_characters(len(text))
    return sections_of(text)
