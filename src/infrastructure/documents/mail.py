"""E-mails as they are saved (.eml), with what is attached to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import PurePath

from src.domains.knowledge.services.ports import UnreadableDocument
from src.infrastructure.documents.markup import decode_declared, html_to_markdown
from src.infrastructure.documents.sections import LONGEST_HEADING, Section, Source
from src.infrastructure.documents.text import tidy

_HEADERS = ("From", "To", "Cc", "Date")
_MOST_ATTACHMENTS = 20
_MAIL = ".eml"

Reader = Callable[[Source], Iterable[Section]]


def read_eml(source: Source, readers: Mapping[str, Reader]) -> Iterator[Section]:
    """Yield the message below its subject, then each attachment that is of a type known here.

    Attachments are all named. Those that cannot be read, and mails within mails, are named only.
    """
    message = BytesParser(policy=policy.default).parsebytes(source.data)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise UnreadableDocument("The file is not an e-mail. Save the message anew and upload it again.")
    subject = tidy(_header(message, "Subject"))[:LONGEST_HEADING] or "(no subject)"
    attachments = list(message.iter_attachments())
    names = [_name(part) for part in attachments]
    body = _body(message)
    text = "\n\n".join(part for part in [_head(message, names), body] if part)
    source.check_characters(len(text))
    yield Section((subject,), text)
    for name, part in list(zip(names, attachments, strict=True))[:_MOST_ATTACHMENTS]:
        yield from _attachment_sections(source, readers, (subject, name), part)


def _head(message: EmailMessage, attachments: list[str]) -> str:
    lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
    if attachments:
        lines.append(f"Attachments: {', '.join(attachments)}")
    return tidy("\n".join(lines))


def _header(message: EmailMessage, name: str) -> str:
    """Return a header's text; malformed ones are told as they stand."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # the parser of headers fails in many ways on what people send
        return " ".join(str(dict(message.raw_items()).get(name, "")).split())


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    text = decode_declared(_content(part), part.get_content_charset())
    return html_to_markdown(text) if part.get_content_subtype() == "html" else tidy(text)


def _content(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""  # a message within is none


def _name(part: EmailMessage) -> str:
    return PurePath((part.get_filename() or part.get_content_type()).replace("\\", "/")).name


def _attachment_sections(
    source: Source, readers: Mapping[str, Reader], path: tuple[str, ...], part: EmailMessage
) -> Iterator[Section]:
    ending = PurePath(path[-1]).suffix.lower()
    data = _content(part)
    if ending == _MAIL or ending not in readers or not data:
        return
    try:
        sections = list(readers[ending](Source(data, source.limits, lambda _progress: None)))
    except MemoryError:
        raise
    except Exception:  # whatever is wrong with it, the message itself can be read
        return
    for section in sections:
        yield Section((*path, *section.path), section.text)
