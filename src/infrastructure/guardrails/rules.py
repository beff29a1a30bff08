"""The rules engine: rules are compiled once and then only compute. Implements `RuleCompiler` and `RuleSet`."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from src.domains.chat.services.guardrail import Action, Category, Direction, Finding, Rule
from src.infrastructure.guardrails import international, korean
from src.infrastructure.guardrails.injection import injections
from src.infrastructure.guardrails.reading import Detector, Reading
from src.infrastructure.guardrails.secrets import may_become_secret, open_block, secrets
from src.infrastructure.guardrails.terms import Folded, fold

STRICTNESS: dict[Action, int] = {"block": 2, "mask": 1, "flag": 0}

DETECTORS: dict[Category, tuple[Detector, ...]] = {
    # In this order: what two of them find belongs to the first.
    "secret": (secrets,),
    "resident_number": (korean.resident_numbers,),
    "driver_licence": (korean.driver_licences,),
    "email": (international.emails,),
    "card": (international.cards,),
    "iban": (international.ibans,),
    "phone": (korean.phones, international.phones),
    "business_number": (korean.business_numbers,),
    "passport": (korean.passports,),
    "bank_account": (korean.bank_accounts,),
    "ssn": (international.social_security_numbers,),
    "injection": (injections,),
}
REMEMBERED_PASSAGES = 2_000
"""The same passages are found again and again."""

_WORDS: frozenset[Category] = frozenset({"email", "iban", "passport"})
"""Any word may become one of these."""
_NUMBERS: frozenset[Category] = frozenset(DETECTORS) - {"secret", "injection", "email"}

# What may become part of something that a detector knows, at the end of a text that goes on.
_IN_NUMBERS = "0123456789 -.()/+"
_IN_WORDS = "".join(map(chr, range(0x21, 0x7F)))
_SPOKEN = "공영일이삼사오육륙칠팔구"
_DIGIT = re.compile("[0-9]")
_ACCOUNT = re.compile(r"[0-9](?:[- ]?[0-9]){9,20}[^0-9]{0,16}\Z")
LONGEST_WORD = 600
"""Longer words are let through: keys are shorter, and a stream must not stand still."""


class CompiledRules:
    """Rules that hold together."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._watches: dict[Direction, _Watch] = {
            direction: _Watch([rule for rule in rules if direction in rule.directions])
            for direction in ("input", "output", "passages")
        }
        self._find_in_passage = lru_cache(REMEMBERED_PASSAGES)(self._watches["passages"].find)

    def find(self, text: str, direction: Direction) -> Sequence[Finding]:
        return self._find_in_passage(text) if direction == "passages" else self._watches[direction].find(text)

    def settled(self, text: str, direction: Direction) -> int:
        return self._watches[direction].settled(text)


class _Found(NamedTuple):
    """Something found, and how much it counts against what overlaps it."""

    start: int
    end: int
    rank: tuple[int, int]
    rule: Rule


class _Watch:
    """The rules of one direction; of several for one category the strictest holds."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        strictest = {rule.category: rule for rule in sorted(rules, key=lambda rule: STRICTNESS[rule.action])}
        self._categories = strictest.keys() & DETECTORS.keys()
        self._detectors = [
            (detector, strictest[category])
            for category, detectors in DETECTORS.items()
            if category in strictest
            for detector in detectors
        ]
        self._terms = [
            (fold(term), rule)
            for rule in rules
            if rule.category in ("term", "denied_topic")
            for term in rule.terms
        ]
        self._allowed: dict[Rule, list[str]] = {}
        first_of = {rule.profile_id: rule for rule in reversed(rules) if rule.category == "allowed_topic"}
        for rule in rules:
            if rule.category == "allowed_topic":
                self._allowed.setdefault(first_of[rule.profile_id], []).extend(map(fold, rule.terms))
        self._beginnings = {
            term[:length] for term, _rule in self._terms for length in range(1, len(term) + 1)
        }
        self._longest_term = max(map(len, self._beginnings), default=0)

    def find(self, text: str) -> Sequence[Finding]:
        found = [*self._detected(text)]
        if self._terms or self._allowed:
            folded = Folded(text)
            found += self._named(folded)
            missed = [rule for rule, terms in self._allowed.items() if not _any_of(terms, folded)]
            return (*(Finding(0, 0, rule) for rule in missed), *_apart(found))
        return _apart(found)

    def settled(self, text: str) -> int:
        ends = [len(text)]
        if self._categories & _NUMBERS:
            ends.append(self._begun_number(text))
        word = max(len(text.rstrip(_IN_WORDS)), len(text) - LONGEST_WORD)
        if self._categories & _WORDS or ("secret" in self._categories and may_become_secret(text, word)):
            ends.append(word)
        if "secret" in self._categories:
            ends.append(open_block(text))
        if self._terms:
            ends.append(self._begun_term(text))
        return min(ends)

    def _detected(self, text: str) -> Iterator[_Found]:
        reading = Reading.of(text)
        for order, (detector, rule) in enumerate(self._detectors):
            for span in detector(reading):
                yield _Found(*reading.original(span), (STRICTNESS[rule.action], -order), rule)

    def _named(self, folded: Folded) -> Iterator[_Found]:
        for term, rule in self._terms:
            if term in folded.form:
                for start, end in folded.spans(term):
                    yield _Found(start, end, (STRICTNESS[rule.action], 1), rule)

    def _begun_number(self, text: str) -> int:
        """Return where a number may have begun that goes on, or whose bank is yet to be named."""
        start = len(text.rstrip(_IN_NUMBERS))
        if not _DIGIT.search(text, start):
            start = len(text)
        if "phone" in self._categories:
            spoken = len(text.rstrip(_IN_NUMBERS + _SPOKEN + ","))
            start = min(start, spoken) if "공일" in text[spoken:] or "영일" in text[spoken:] else start
        if "bank_account" in self._categories and (account := _ACCOUNT.search(text, max(0, len(text) - 64))):
            start = min(start, len(text[: account.start()].rstrip(_IN_NUMBERS)))
        # With the word that it is written together with.
        return start if start == len(text) else max(len(text[:start].rstrip(_IN_WORDS)), start - LONGEST_WORD)

    def _begun_term(self, text: str) -> int:
        """Return where a term may have begun that the text has not said to its end."""
        start = max(0, len(text) - 8 * self._longest_term)
        folded = Folded(text[start:])
        for length in range(min(self._longest_term, len(folded.form)), 0, -1):
            if folded.form[-length:] in self._beginnings:
                return start + folded.place(len(folded.form) - length)
        return len(text)


def _any_of(terms: Sequence[str], folded: Folded) -> bool:
    return any(term in folded.form and any(True for _span in folded.spans(term)) for term in terms)


def _apart(found: Sequence[_Found]) -> tuple[Finding, ...]:
    """Join what overlaps: the strictest rule takes all of it, among equals the one that is named first."""
    joined: list[_Found] = []
    for each in sorted(found, key=lambda each: each[:2]):
        last = joined[-1] if joined else None
        if last and each.start < last.end:
            _rank, rule = max((last.rank, last.rule), (each.rank, each.rule), key=lambda one: one[0])
            joined[-1] = _Found(last.start, max(last.end, each.end), _rank, rule)
        else:
            joined.append(each)
    return tuple(Finding(each.start, each.end, each.rule) for each in joined)
