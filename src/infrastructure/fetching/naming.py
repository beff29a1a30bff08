"""Which media types are fetched, and what a fetched file is called."""

import re
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote

import httpx

from src.domains.knowledge.services.ports import UnsupportedDocument

ENDINGS = {
    "text/html": (".html", ".htm"),
    "application/xhtml+xml": (".html", ".htm"),
    "text/plain": (".txt", ".md", ".csv"),
    "text/markdown": (".md",),
    "text/x-markdown": (".md",),
    "text/csv": (".csv",),
    "application/pdf": (".pdf",),
    "application/epub+zip": (".epub",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/x-hwp": (".hwp",),
    "application/haansofthwp": (".hwp",),
    "application/vnd.hancom.hwp": (".hwp",),
    "application/hwp+zip": (".hwpx",),
    "application/vnd.hancom.hwpx": (".hwpx",),
    "message/rfc822": (".eml",),
}
"""The endings of each media type; the first is given to a name that has none of them."""

_SAYS_NOTHING = {
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-download",
    "application/zip",
}
_KNOWN_ENDINGS = {ending for endings in ENDINGS.values() for ending in endings}
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\]+")
_MAX_STEM_CHARACTERS = 200


def file_name(url: httpx.URL, headers: httpx.Headers) -> str:
    """Return a name whose ending fits the content, or raise `UnsupportedDocument`.

    The name is the one that the server gives the file, else the last part of the address's path.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    name = _UNFIT.sub(" ", _told_name(headers) or _last_part(url)).strip(" .")
    path = PurePosixPath(name or url.host)
    ending = path.suffix.lower()
    if media_type in _SAYS_NOTHING and ending in _KNOWN_ENDINGS:
        endings: tuple[str, ...] = (ending,)
    elif media_type in ENDINGS:
        endings = ENDINGS[media_type]
    else:
        raise UnsupportedDocument(
            f"The server sends content of the type {media_type[:100] or '(none)'}, which is not read. "
            "Give the address of a page or of a document."
        )
    if ending in endings:
        return path.stem[:_MAX_STEM_CHARACTERS] + path.suffix
    return path.name[:_MAX_STEM_CHARACTERS] + endings[0]


def _told_name(headers: httpx.Headers) -> str:
    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    try:
        return message.get_filename("")
    except (LookupError, ValueError):
        return ""


def _last_part(url: httpx.URL) -> str:
    return unquote(url.raw_path.decode("ascii").partition("?")[0].rstrip("/").rpartition("/")[2])
