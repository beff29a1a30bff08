"""A file into passages, in this very process: what the reading process does, and what it answers."""

from collections.abc import Callable, Iterable, Iterator

from src.domains.knowledge.services.ports import PassageDraft, UnreadableDocument
from src.infrastructure.documents.chunking import Chunker
from src.infrastructure.documents.epub import read_epub
from src.infrastructure.documents.hangul import read_hwp, read_hwpx
from src.infrastructure.documents.mail import read_eml
from src.infrastructure.documents.markup import read_docx, read_html
from src.infrastructure.documents.pdf import read_pdf
from src.infrastructure.documents.plain import read_markdown, read_text
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.slides import read_pptx
from src.infrastructure.documents.spreadsheets import read_csv, read_xlsx

READERS: dict[str, Callable[[Source], Iterable[Section]]] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".pptx": read_pptx,
    ".xlsx": read_xlsx,
    ".csv": read_csv,
    ".epub": read_epub,
    ".hwp": read_hwp,
    ".hwpx": read_hwpx,
    ".eml": lambda source: read_eml(source, READERS),
}


def passages(source: Source, ending: str) -> Iterator[PassageDraft]:
    """Yield the passages of a file of that type, at least one; raise `UnreadableDocument`, or `MemoryError`."""
    chunker = Chunker(source.limits.passage_tokens, source.limits.overlap_tokens)
    try:
        drafts = chunker.cut(source.counted(READERS[ending](source)))
        first = next(drafts, None)
        if first is None:
            raise UnreadableDocument("The file holds no text.")
        yield first
        yield from drafts
    except (UnreadableDocument, MemoryError):
        raise
    except RecursionError as error:
        raise UnreadableDocument(
            "The file is nested too deeply to be read. Open it, save it anew and upload it again."
        ) from error
    except Exception as error:
        raise UnreadableDocument(
            "The file could not be read; it may be damaged. Open it, save it anew and upload it again."
        ) from error
