"""Addresses and numbers that are the same everywhere: e-mail, phones, cards, IBAN, US social security."""

import re
from collections.abc import Iterator

from stdnum import iban, luhn

from src.infrastructure.guardrails.reading import Anchors, L, R, Reading, Span

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+/-])(?<!://)[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}+@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,5}([A-Za-z]{2,18})(?![A-Za-z0-9_@])"
)
_HIDDEN_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}+"
    r"(?: ?[\[({<] ?(?:at|AT|골뱅이|@) ?[\])}>] ?| ?골뱅이 ?| at (?=[A-Za-z0-9.-]{2,40} ?(?:[\[(] ?dot|dot )))"
    r"[A-Za-z0-9-]{2,40}(?:(?:\.| ?[\[({] ?(?:dot|DOT|점|닷) ?[\])}] ?| dot | ?[점닷] ?)[A-Za-z0-9-]{2,40}){1,4}"
    r"(?![A-Za-z0-9-])"
)
_AT = Anchors("@", before=65, after=260)
_HIDDEN_AT = Anchors("골뱅이|(at)|[at]|{at}|<at>|( at|[ at| at |[@]|(@)", before=65, after=120)
_FILES = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "ico",
        "js",
        "ts",
        "css",
        "json",
        "yaml",
        "yml",
        "md",
        "py",
        "java",
        "go",
        "rs",
        "txt",
        "pdf",
        "zip",
        "gz",
        "exe",
        "html",
        "local",
        "internal",
        "svc",
        "lan",
    ]
)
_REMOTE = re.compile(r":[~A-Za-z0-9_/.-]")

_FOREIGN = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+|00)(?!82)[1-9][0-9]{{0,2}}[-. ]?\(?[0-9]{{1,4}}\)?(?:[-. ]?[0-9]{{2,4}}){{2,4}}{R}"
)
_BRACKETED = re.compile(rf"(?<![0-9A-Za-z])(?:1[-. ])?\([2-9][0-9]{{2}}\)[-. ]?[0-9]{{3}}[-. ][0-9]{{4}}{R}")
_CALLED = re.compile(rf"{L}\(?[0-9]{{2,5}}\)?[-. ][0-9]{{3,4}}[-. ][0-9]{{3,4}}{R}")
_PHONE_WORDS = re.compile(
    r"\b(?:tel|phone|mobile|cell|call|text|fax|whatsapp|dial|ring|reach|number is)", re.IGNORECASE
)

_PHONES = Anchors(
    "tel|phone|mobile|cell|call|text|fax|whatsapp|dial|ring|reach|number is",
    before=0,
    after=0,
    within_words=True,
)

_CARD = re.compile(
    rf"{L}(?:3[47][0-9]{{2}}([- ]?)[0-9]{{6}}\1[0-9]{{5}}"
    rf"|(?:[4569]|2[2-7]|3[0568])[0-9]{{2,3}}(?<=[0-9]{{4}})([- ]?)[0-9]{{4}}\2[0-9]{{4}}\2[0-9]{{2,7}}){R}"
)

# No look behind in front, which would have it tried at every letter.
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![0-9A-Za-z])")
_SSN = re.compile(rf"{L}(?!000|666|9)[0-9]{{3}}([- ])(?!00)[0-9]{{2}}\1(?!0000)[0-9]{{4}}{R}")
_SSN_WORDS = re.compile(r"\bssn\b|social", re.IGNORECASE)


def emails(reading: Reading) -> Iterator[Span]:
    """E-mail addresses, also as people hide them: kim (at) example.com, kim골뱅이example.com."""
    for found in _AT.find(_EMAIL, reading):
        is_remote = bool(_REMOTE.match(reading.after(found.end(), 2)))
        if found[1].lower() not in _FILES and not is_remote:
            yield found.span()
    yield from (found.span() for found in _HIDDEN_AT.find(_HIDDEN_EMAIL, reading))


def phones(reading: Reading) -> Iterator[Span]:
    """Phones of other countries: with their code, with the area in brackets, or where they are called so."""
    text = reading.text
    for pattern, is_there in ((_FOREIGN, "+" in text or "00" in text), (_BRACKETED, "(" in text)):
        for found in reading.numbers(pattern, digits=8) if is_there else ():
            if 8 <= sum(map(str.isdigit, found.group())) <= 15:
                yield found.span()
    for found in reading.numbers(_CALLED, digits=8) if _PHONES.are_in(reading) else ():
        before = reading.before(found.start())
        if _PHONE_WORDS.search(before) and not reading.is_labelled_otherwise(found.start()):
            yield found.span()


def cards(reading: Reading) -> Iterator[Span]:
    """Numbers of payment cards by their first digits, their length and their check digit (ISO/IEC 7812, Luhn)."""
    for found in reading.numbers(_CARD, digits=13):
        digits = "".join(filter(str.isdigit, found.group()))
        if luhn.is_valid(digits) and not reading.is_labelled_otherwise(found.start()):
            yield found.span()


def ibans(reading: Reading) -> Iterator[Span]:
    """International bank account numbers (ISO 13616: country, length, remainder by 97)."""
    if reading.islands:
        for found in _IBAN.finditer(reading.text):
            if not reading.before(found.start(), 1).isalnum() and iban.is_valid(found.group()):
                yield found.span()


def social_security_numbers(reading: Reading) -> Iterator[Span]:
    """US social security numbers by their form; with spaces where they are called so."""
    for found in reading.numbers(_SSN, digits=9):
        is_called_so = bool(_SSN_WORDS.search(reading.before(found.start())))
        if is_called_so or (found[1] == "-" and not reading.is_labelled_otherwise(found.start())):
            yield found.span()
