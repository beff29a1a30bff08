"""Text and Markdown files."""

from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.text import clean_markdown, decode, tidy


def read_text(source: Source) -> list[Section]:
    text = tidy(decode(source.data))
    source.check_characters(len(text))
    return [Section((), text)]


def read_markdown(source: Source) -> list[Section]:
    return source.text_sections(tidy(clean_markdown(tidy(decode(source.data)))))
