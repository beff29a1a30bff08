"""HTML and Word files, both by way of HTML to Markdown."""

import re
import zipfile
from io import BytesIO

import mammoth
from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents.sections import Limits, Section, sections_of
from src.infrastructure.documents.text import decode, tidy

# What surrounds a page's own text: elements, roles, and the class names of MediaWiki and Sphinx.
_BOILERPLATE = (
    "head, title, script, style, noscript, template, nav, footer, aside, button, select, svg, iframe, "
    "object, [role=navigation], [role=banner], [role=contentinfo], [role=search], [hidden], "
    "[aria-hidden=true], "
    "[style*='display:none'], [style*='display: none'], "
    ".sidebar, .navbar, .navbox, .noprint, .catlinks, .printfooter, .mw-editsection, .mw-cite-backlink, "
    "sup.reference, .headerlink"
)
_NOTE_BACKLINKS = "a[href^='#footnote-ref-'], a[href^='#endnote-ref-']"
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
_DECLARED_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_HEAD_BYTES = 4096
_KOREAN_CHARSETS = {"euc-kr", "ks_c_5601-1987", "ksc5601"}
_TO_MARKDOWN = MarkdownConverter(
    heading_style="ATX",
    bullets="-",
    strip=["a", "img"],
    escape_asterisks=False,
    escape_underscores=False,
    table_infer_header=True,
)
_WORD_STYLES = "p[style-name='Title'] => h1:fresh"


def read_html(data: bytes, limits: Limits) -> list[Section]:
    soup = BeautifulSoup(_decode_html(data), "html.parser")
    root = _main_part(soup)
    for header in root.find_all("header"):
        # A header above the page is navigation; one above an article often holds its title.
        header.replace_with(*header.find_all(_HEADINGS))
    for element in root.select(_BOILERPLATE):
        element.decompose()
    return _sections(root, limits)


def read_docx(data: bytes, limits: Limits) -> list[Section]:
    _check_package(data, limits)
    result = mammoth.convert_to_html(
        BytesIO(data),
        style_map=_WORD_STYLES,
        include_embedded_style_map=False,
        convert_image=mammoth.images.img_element(lambda image: {}),
    )
    soup = BeautifulSoup(result.value, "html.parser")
    for link in soup.select(_NOTE_BACKLINKS):
        link.decompose()
    return _sections(soup, limits)


def _decode_html(data: bytes) -> str:
    """Decode as the page declares it, if that is true. Korean pages that say EUC-KR often mean cp949."""
    declared = _DECLARED_CHARSET.search(data[:_HEAD_BYTES])
    if declared is None:
        return decode(data)
    name = declared[1].decode("ascii").lower()
    try:
        return data.decode("cp949" if name in _KOREAN_CHARSETS else name)
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _main_part(soup: BeautifulSoup) -> Tag:
    if main := soup.select_one("main, [role=main]"):
        return main
    articles = soup.find_all("article")
    return articles[0] if len(articles) == 1 else soup.body or soup


def _check_package(data: bytes, limits: Limits) -> None:
    """Refuse what unpacks to far more than it seems, before a byte of it is unpacked."""
    with zipfile.ZipFile(BytesIO(data)) as package:
        entries = package.infolist()
    if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
        raise UnreadableDocument(
            f"The document unpacks to more than {limits.unpacked_bytes // 1_000_000:,} MB. "
            "Remove large pictures or split it, and upload it again."
        )
    if not any(entry.filename == "word/document.xml" for entry in entries):
        raise UnreadableDocument(
            "The file is not a Word document. Open it in Word, save it as .docx and upload that."
        )


def _sections(root: Tag, limits: Limits) -> list[Section]:
    markdown = tidy(_TO_MARKDOWN.convert_soup(root))
    limits.check_characters(len(markdown))
    return sections_of(markdown)
