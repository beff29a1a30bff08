"""HTML and Word files, both by way of HTML to Markdown."""

import re
import warnings
from io import BytesIO

import mammoth
from bs4 import BeautifulSoup, Tag, XMLParsedAsHTMLWarning
from markdownify import MarkdownConverter

from src.infrastructure.documents.packages import package
from src.infrastructure.documents.sections import Section, Source
from src.infrastructure.documents.text import decode, tidy

# The pages of e-books are both, and read well as HTML.
warnings.filterwarnings("ignore", category=XMLParsedAsHTMLWarning)

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


def read_html(source: Source) -> list[Section]:
    return source.text_sections(html_to_markdown(_decode_html(source.data)))


def read_docx(source: Source) -> list[Section]:
    with package(source, "word/document.xml", "a Word document"):
        pass
    result = mammoth.convert_to_html(
        BytesIO(source.data),
        style_map=_WORD_STYLES,
        include_embedded_style_map=False,
        convert_image=mammoth.images.img_element(lambda image: {}),
    )
    soup = BeautifulSoup(result.value, "html.parser")
    for link in soup.select(_NOTE_BACKLINKS):
        link.decompose()
    return source.text_sections(_markdown(soup))


def html_to_markdown(html: str) -> str:
    """Return a page's main part as Markdown, without what surrounds it."""
    root = _main_part(BeautifulSoup(html, "lxml"))
    for header in root.find_all("header"):
        # A header above the page is navigation; one above an article often holds its title.
        header.replace_with(*header.find_all(_HEADINGS))
    for element in root.select(_BOILERPLATE):
        element.decompose()
    return _markdown(root)


def decode_declared(data: bytes, charset: str | None) -> str:
    """Decode as declared, if that is true. Korean that calls itself EUC-KR is often cp949."""
    name = (charset or "").lower()
    try:
        return data.decode("cp949" if name in _KOREAN_CHARSETS else name)
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _decode_html(data: bytes) -> str:
    declared = _DECLARED_CHARSET.search(data[:_HEAD_BYTES])
    return decode_declared(data, declared[1].decode("ascii") if declared else None)


def _main_part(soup: BeautifulSoup) -> Tag:
    if main := soup.select_one("main, [role=main]"):
        return main
    articles = soup.find_all("article")
    return articles[0] if len(articles) == 1 else soup.body or soup


def _markdown(root: Tag) -> str:
    return tidy(_TO_MARKDOWN.convert_soup(root))
