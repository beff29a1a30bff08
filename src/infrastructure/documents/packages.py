"""Files that are zip archives inside: Office, EPUB and HWPX. Nothing is ever unpacked to the disk."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from lxml import etree

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents.sections import Source

_MOST_ENTRIES = 20_000
_ENCRYPTED = 0x1
# No entity is replaced and nothing is fetched; lxml itself bounds depth and amplification.
_SAFE_XML = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


@contextmanager
def package(source: Source, needed: str, kind: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive that holds the entry `needed`, as a `kind` of document does.

    One that unpacks to far more than it seems is refused before a byte of it is unpacked; `zipfile` then gives no
    more of an entry than its stated size.
    """
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        entries = archive.infolist()
        if len(entries) > _MOST_ENTRIES:
            raise UnreadableDocument(f"The file holds more than {_MOST_ENTRIES:,} parts. Split it.")
        if sum(entry.file_size for entry in entries) > source.limits.unpacked_bytes:
            raise UnreadableDocument(
                f"The document unpacks to more than {source.limits.unpacked_bytes // 1_000_000:,} MB. "
                "Remove large pictures or split it, and upload it again."
            )
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise protected()
        if all(entry.filename != needed for entry in entries):
            raise UnreadableDocument(
                f"The file is not {kind}, whatever its name says. Open it, save it as that and upload it again."
            )
        yield archive


def protected() -> UnreadableDocument:
    return UnreadableDocument(
        "The document is protected by a password. Save it without the password and upload it again."
    )


def xml(data: bytes) -> etree._Element:
    return etree.fromstring(data, etree.XMLParser(**_SAFE_XML))


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace; "" for a comment and the like."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
