"""Masks: what stands in a text for a value that is not to be told, and how it comes back for its own user.

A placeholder such as `[phone_1]` stands for one value in all of a session. Only values of people are kept, sealed,
with their session; of secrets, and of what stands in documents and answers, nothing is kept.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count

from src.domains.chat.services.guardrail import Category, Finding
from src.shared.language import Language

_LABELS: dict[Category, tuple[str, str]] = {
    "resident_number": ("주민등록번호", "resident number"),
    "phone": ("전화번호", "phone"),
    "passport": ("여권번호", "passport"),
    "driver_licence": ("운전면허번호", "driver's licence"),
    "business_number": ("사업자등록번호", "business number"),
    "bank_account": ("계좌번호", "bank account"),
    "email": ("이메일", "email"),
    "card": ("카드번호", "card"),
    "iban": ("IBAN", "IBAN"),
    "ssn": ("사회보장번호", "SSN"),
    "secret": ("비밀값", "secret"),
    "injection": ("지시문으로 보여 뺀 부분", "left out: looked like an instruction"),
    "term": ("가린 말", "hidden word"),
    "denied_topic": ("다루지 않는 주제", "excluded topic"),
    "allowed_topic": ("다루지 않는 주제", "excluded topic"),
}
KEPT: frozenset[Category] = frozenset(_LABELS) - {
    "secret",
    "injection",
    "term",
    "denied_topic",
    "allowed_topic",
}
"""Of these a value is kept to be restored."""

_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,40}_[0-9]{1,5}\]")
LONGEST_PLACEHOLDER = 48
_LONGEST_ADDRESS = 2_000


def label(category: Category, language: Language) -> str:
    """Return what people call a category."""
    korean, english = _LABELS[category]
    return korean if language == "ko" else english


def replaced(text: str, findings: Iterable[Finding], written: Callable[[Finding], str]) -> str:
    """Return the text with something else written for what was found."""
    pieces, at = [], 0
    for finding in findings:
        pieces += [text[at : finding.start], written(finding)]
        at = finding.end
    return "".join([*pieces, text[at:]])


def hidden(text: str, findings: Iterable[Finding], language: Language) -> str:
    """Return the text without what was found; nothing of it can be restored."""
    return replaced(text, findings, lambda finding: f"[{label(finding.rule.category, language)}]")


class Masker:
    """Masks the texts of one request; the same value has the same placeholder in all of them."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._placeholders: dict[str, str] = {}
        self._written: set[str] = set()

    @property
    def values(self) -> dict[str, str]:
        """What can be restored, by placeholder."""
        return {placeholder: value for value, placeholder in self._placeholders.items()}

    def mask(self, text: str, findings: Iterable[Finding]) -> str:
        """Return the text with placeholders for what is kept, and without the rest of what was found."""
        findings = list(findings)
        if findings:  # what already looks like a placeholder stays what it is
            self._written.update(_PLACEHOLDER.findall(text))
        return replaced(text, findings, lambda finding: self._placeholder(text, finding))

    def _placeholder(self, text: str, finding: Finding) -> str:
        name = label(finding.rule.category, self._language)
        if finding.rule.category not in KEPT:
            return f"[{name}]"
        value = text[finding.start : finding.end]
        return self._placeholders.setdefault(
            value, _next(name, {*self._placeholders.values(), *self._written})
        )


def _next(name: str, taken: Collection[str]) -> str:
    return next(each for number in count(1) if (each := f"[{name}_{number}]") not in taken)


def renumbering(values: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Return which placeholders of a request are others in its session, where values are known already."""
    of_value = {value: placeholder for placeholder, value in known.items()}
    taken = dict(known)
    renamed = {}
    for placeholder, value in values.items():
        wanted = of_value.get(value) or (
            _next(placeholder[1:].rpartition("_")[0], taken) if placeholder in taken else placeholder
        )
        taken[wanted] = value
        renamed[placeholder] = wanted
    return renamed


def with_placeholders(text: str, renamed: Mapping[str, str]) -> str:
    """Return a text with other placeholders."""
    return (
        _PLACEHOLDER.sub(lambda found: renamed.get(found.group(), found.group()), text) if renamed else text
    )


def restored(text: str, values: Mapping[str, str], start: int = 0) -> str:
    """Return a text from `start` on with the values that its placeholders stand for.

    Not in an address: what a document made the model write into one would tell them to whoever is there.
    """

    def value(found: "re.Match[str]") -> str:
        before = text[max(0, found.start() - _LONGEST_ADDRESS) : found.start()].rsplit(None, 1)
        is_in_address = bool(before) and "://" in before[-1] and not text[found.start() - 1].isspace()
        return found.group() if is_in_address else values.get(found.group(), found.group())

    if not values:
        return text[start:]
    pieces, at = [], start
    for found in _PLACEHOLDER.finditer(text, start):
        pieces += [text[at : found.start()], value(found)]
        at = found.end()
    return "".join([*pieces, text[at:]])


def unfinished_placeholder(text: str) -> int:
    """Return where a placeholder may begin that the text has not written to its end; else the text's end."""
    start = text.rfind("[", max(0, len(text) - LONGEST_PLACEHOLDER))
    return len(text) if start < 0 or "]" in text[start:] or "\n" in text[start:] else start
