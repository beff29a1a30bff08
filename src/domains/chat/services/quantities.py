"""The numbers of a text with what they count, in one form for Korean and English, digits and words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from src.shared.language import normalize


def _numbered(words: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), start=1)}


_POWERS = {"백": 100, "천": 1_000, "만": 10_000, "억": 100_000_000}
_ENGLISH_POWERS = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_KOREAN_WORDS = _numbered("한 두 세 네 다섯 여섯 일곱 여덟 아홉 열") | {"석": 3, "넉": 4, "스무": 20}
_KOREAN_DAYS = _numbered("하루 이틀 사흘 나흘 닷새 엿새") | {"열흘": 10, "보름": 15}
_ENGLISH_WORDS = _numbered(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
) | {"eighteen": 18, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
_ORDINALS = _numbered("first second third fourth fifth sixth seventh eighth ninth tenth")
_MULTIPLES = {"once": 1, "twice": 2, "double": 2, "triple": 3}
_MONTHS = _numbered("jan feb mar apr may jun jul aug sep oct nov dec")

# What is counted, and how people write it; what begins like another form comes before it.
_UNITS = {
    "day": r"영업일|일째|일|박|days?\b|nights?\b",
    "week": r"주일|주간|주(?!택)|weeks?\b",
    "dollar": r"달러|dollars?\b|usd\b",
    "month": r"개월|달|months?\b",
    "year": r"년간|년차|년|years?\b",
    "date": r"월",
    "hour": r"시간|hours?\b",
    "clock": r"시|a\.?m\b|p\.?m\b",
    "minute": r"분(?!기)|minutes?\b",
    "times": r"번(?!째)|회|차례|배|times\b",
    "person": r"명|사람|인(?!치)|people\b|persons?\b",
    "percent": r"%|퍼센트|percent\b",
    "won": r"원|won\b|krw\b",
    "pound": r"파운드|pounds?\b|gbp\b",
    "euro": r"유로|euros?\b|eur\b",
    "floor": r"층|floors?\b",
    "character": r"자리|자|글자|characters?\b",
}
_CURRENCIES = {"₩": "won", "£": "pound", "€": "euro", "$": "dollar"}
_ORDINAL = "ordinal"
# An ordinal counts these too: the eighth day is "8일째".
_ORDERED = frozenset({"", "day", "month", "year", "floor"})
# "A month", "매월" and "monthly" say one month without the number.
_SINGLE = {
    "day": re.compile(r"일|하루|\bda(?:y|ily)"),
    "week": re.compile(r"주|\bweek"),
    "month": re.compile(r"월|달|\bmonth"),
    "year": re.compile(r"년|연|\byear|\bannual"),
    "hour": re.compile(r"시간|\bhour"),
    "times": re.compile(""),
}

_UNIT = "|".join(f"(?P<{name}>{forms})" for name, forms in _UNITS.items())
_BEHIND = re.compile(
    rf"[\s-]?(?:(?:working|business|calendar|consecutive|unused|full|extra|more|additional)\s)?(?:{_UNIT})"
)
_AMOUNT = r"\d+(?:,\d{3})*(?:\.\d+)?"
_KOREAN_POWER = r"(?:[백천]?[만억]|[백천])"
_DIGITS = re.compile(
    rf"(?P<currency>[₩£€$])?\s?(?<![a-z\d.])(?P<amount>{_AMOUNT})(?:"
    rf"(?P<powers>\s?{_KOREAN_POWER}(?:\s?{_AMOUNT}\s?{_KOREAN_POWER})*)|"
    rf"\s(?P<power>{'|'.join(_ENGLISH_POWERS)})\b|:(?P<minutes>[0-5]\d)|(?P<ordinal>(?:st|nd|rd|th)\b))?"
)
_POWER = re.compile(rf"({_AMOUNT})\s?({_KOREAN_POWER})")
_COUNTED_KOREAN = re.compile(
    rf"(?<![가-힣])({'|'.join(_KOREAN_WORDS)})\s?(?=(?:달|주|시간|시|분|명|번|배|층|살|해))"
)
_WORD = re.compile(rf"\b({'|'.join([*_ENGLISH_WORDS, *_ORDINALS, *_MULTIPLES])})\b")
_NAMED_DAYS = re.compile("|".join(_KOREAN_DAYS))
_NAMED_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember|t)?\b")


@dataclass(frozen=True)
class Quantity:
    """A number and what it counts; the unit is empty where none is known."""

    value: float
    unit: str = ""

    def agrees(self, other: "Quantity") -> bool:
        """Whether both may tell the same: 4 o'clock and 16:00, 15 and 15 days, but not 15 days and 15 weeks."""
        if self.unit == other.unit == "clock":
            return self.value % 12 == other.value % 12
        return self.value == other.value and _same_unit(self.unit, other.unit)


@dataclass(frozen=True)
class Quantities:
    """All that a text counts, to look up in it what another text says."""

    found: frozenset[Quantity]
    text: str

    @classmethod
    def of(cls, text: str) -> "Quantities":
        text = normalize(text).lower()
        return cls(frozenset(_all(text)), text)

    def bear_out(self, claimed: Quantity) -> bool:
        single = _SINGLE.get(claimed.unit) if claimed.value == 1 else None
        return bool(single and single.search(self.text)) or any(map(claimed.agrees, self.found))


def claimed_quantities(text: str) -> frozenset[Quantity]:
    """Return what a text clearly counts: all digits, and words that stand before a unit ("two weeks").

    A word alone may be no number at all ("one of them", "first of all").
    """
    text = normalize(text).lower()
    words = (word for word in _words(text) if word.unit not in {"", _ORDINAL})
    return frozenset([*_digits(text), *_korean(text), *words])


def _all(text: str) -> Iterator[Quantity]:
    yield from _digits(text)
    yield from _korean(text)
    yield from _words(text)
    for found in _NAMED_MONTH.finditer(text):
        yield Quantity(_MONTHS[found[1]], "date")


def _digits(text: str) -> Iterator[Quantity]:
    for found in _DIGITS.finditer(text):
        value = _number(found["amount"])
        if found["minutes"]:
            yield Quantity(value, "clock")
            if minutes := int(found["minutes"]):
                yield Quantity(minutes, "minute")
            continue
        if found["powers"]:
            value = _sum_of_powers(_POWER.findall(found["amount"] + found["powers"]))
        elif found["power"]:
            value *= _ENGLISH_POWERS[found["power"]]
        unit = _CURRENCIES.get(found["currency"] or "") or _unit_behind(text, found.end())
        yield Quantity(value, unit or (_ORDINAL if found["ordinal"] else ""))


def _korean(text: str) -> Iterator[Quantity]:
    for found in _COUNTED_KOREAN.finditer(text):
        yield Quantity(_KOREAN_WORDS[found[1]], _unit_behind(text, found.end()))
    for found in _NAMED_DAYS.finditer(text):
        yield Quantity(_KOREAN_DAYS[found[0]], "day")


def _words(text: str) -> Iterator[Quantity]:
    for found in _WORD.finditer(text):
        word = found[1]
        if word in _MULTIPLES:
            yield Quantity(_MULTIPLES[word], "times")
        elif word in _ORDINALS:
            yield Quantity(_ORDINALS[word], _ORDINAL)
        else:
            yield Quantity(_ENGLISH_WORDS[word], _unit_behind(text, found.end()))


def _unit_behind(text: str, at: int) -> str:
    behind = _BEHIND.match(text, at)
    return behind.lastgroup or "" if behind else ""


def _number(digits: str) -> float:
    return float(digits.replace(",", "")[:18])


def _sum_of_powers(parts: Iterable[tuple[str, str]]) -> float:
    total = 0.0
    for amount, powers in parts:
        value = _number(amount)
        for power in powers:
            value *= _POWERS[power]
        total += value
    return total


def _same_unit(one: str, other: str) -> bool:
    if _ORDINAL in (one, other):
        return one == other or (other if one == _ORDINAL else one) in _ORDERED
    return one == other or not one or not other
