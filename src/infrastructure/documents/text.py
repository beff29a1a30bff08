"""Bytes to clean text: encodings, whitespace, and what Markdown carries beside its words."""

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

from src.domains.knowledge.services.ports import UnreadableDocument

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LARGEST_CONTROL_SHARE = 0.001
_SMALLEST_EUC_KR_SHARE = 0.9

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Private-use characters have a shape in their document's own font alone.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ufffe\uffff\ue000-\uf8ff\U000f0000-\U0010fffd]"
)
_SPACES = re.compile(r"(?<=\S)[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")

_CODE_BLOCK = re.compile(r"(^ {0,3}(?:```|~~~).*?^ {0,3}(?:```|~~~)[^\n]*$)", re.MULTILINE | re.DOTALL)
_BASE64 = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=]+")
_TARGET = r"(?:\((?:[^()\s]|\([^()\s]*\))*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\)|\[[^\[\]]*\])"
_IMAGE = re.compile(r"!\[[^\[\]]*\]" + _TARGET)
_LINK = re.compile(r"\[([^\[\]]+)\]" + _TARGET)
_LINK_DEFINITION = re.compile(
    r"^ {0,3}\[(?!\^)[^\[\]]+\]:[^\S\n]*(?=\S*[/.#:])\S+(?: \"[^\"\n]*\")?$", re.MULTILINE
)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]+)>")
_TAG = re.compile(
    r"</?(?:a|b|br|center|code|details|div|em|font|h[1-6]|hr|i|img|kbd|li|ol|p|pre|span|strong|sub|summary|sup|"
    r"table|tbody|td|th|thead|tr|u|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_UNDERLINED_HEADING = re.compile(r"(?:\A|(?<=\n\n)) {0,3}(\S[^\n]*)\n {0,3}(={2,}|-{2,}) *$", re.MULTILINE)


def decode(data: bytes) -> str:
    """Return the text in whatever encoding it was written, or refuse what is no text."""
    text = _decoded(data)
    if text is None or len(_CONTROL.findall(text)) > len(text) * _LARGEST_CONTROL_SHARE:
        raise UnreadableDocument(
            "The file does not hold readable text: its encoding is unknown or it is a binary file. "
            "Save it as UTF-8 text and upload it again."
        )
    return text


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    for encoding in ("utf-8", "euc-kr"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return _as_cp949(data) or _as_guessed(data)


def _as_cp949(data: bytes) -> str | None:
    """Decode Windows Korean, unless that turns Western letters into rare syllables, as it mostly would."""
    try:
        text = data.decode("cp949")
    except UnicodeDecodeError:
        return None
    foreign = [character for character in text if not character.isascii()]
    common = len("".join(foreign).encode("euc-kr", "ignore")) // 2
    return text if common >= len(foreign) * _SMALLEST_EUC_KR_SHARE else None


def _as_guessed(data: bytes) -> str | None:
    matches = list(from_bytes(data))
    if not matches:
        return None
    best = (matches[0].chaos, matches[0].coherence)
    equals = [match for match in matches if (match.chaos, match.coherence) == best]
    # Short Western texts fit the code pages of Windows for all of Europe; the most common one is meant.
    return str(next((match for match in equals if match.encoding == "cp1252"), equals[0]))


def tidy(text: str) -> str:
    """Compose letters (macOS writes Hangul in parts), drop what is invisible, calm the whitespace.

    Indentation stays: lists and code need it.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def clean_markdown(markdown: str) -> str:
    """Drop images, link targets and HTML from Markdown as people write it; code blocks stay as they are."""
    pieces = _CODE_BLOCK.split(markdown)
    pieces[::2] = [_clean_prose(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _clean_prose(markdown: str) -> str:
    markdown = _BASE64.sub("", _without_comments(markdown))
    markdown = _LINK.sub(r"\1", _IMAGE.sub("", markdown))
    markdown = _AUTOLINK.sub(r"\1", _LINK_DEFINITION.sub("", markdown))
    return _UNDERLINED_HEADING.sub(_with_hashes, _TAG.sub("", markdown))


def _without_comments(markdown: str) -> str:
    before, *pieces = markdown.split("<!--")
    return before + "".join(
        piece.partition("-->")[2] if "-->" in piece else "<!--" + piece for piece in pieces
    )


def _with_hashes(found: re.Match[str]) -> str:
    return ("# " if found[2].startswith("=") else "## ") + found[1]
