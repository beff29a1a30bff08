"""Words that somebody names, found however they are written.

A text and the words are brought to one form: syllables taken apart into letters (자모), full width, case and
look-alikes (leetspeak) made plain, repeated letters once, and what stands between letters left out. So "시 발",
"ㅅㅣㅂㅏㄹ", "시이발" and "sh1i.t" are found. What is left out counts all the same: a word that is written with gaps
has to begin where a word begins and to end where one ends, so that 다시 발표 holds no 시발.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

from src.infrastructure.guardrails.reading import Span

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_MEDIALS = [
    "ㅏ",
    "ㅐ",
    "ㅑ",
    "ㅒ",
    "ㅓ",
    "ㅔ",
    "ㅕ",
    "ㅖ",
    "ㅗ",
    "ㅗㅏ",
    "ㅗㅐ",
    "ㅗㅣ",
    "ㅛ",
    "ㅜ",
    "ㅜㅓ",
    "ㅜㅔ",
    "ㅜㅣ",
    "ㅠ",
    "ㅡ",
    "ㅡㅣ",
    "ㅣ",
]
_FINALS = [
    "",
    "ㄱ",
    "ㄲ",
    "ㄱㅅ",
    "ㄴ",
    "ㄴㅈ",
    "ㄴㅎ",
    "ㄷ",
    "ㄹ",
    "ㄹㄱ",
    "ㄹㅁ",
    "ㄹㅂ",
    "ㄹㅅ",
    "ㄹㅌ",
    "ㄹㅍ",
    "ㄹㅎ",
    "ㅁ",
    "ㅂ",
    "ㅂㅅ",
    "ㅅ",
    "ㅆ",
    "ㅇ",
    "ㅈ",
    "ㅊ",
    "ㅋ",
    "ㅌ",
    "ㅍ",
    "ㅎ",
]
_APART = dict(
    zip(
        "ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ",
        [
            "ㅗㅏ",
            "ㅗㅐ",
            "ㅗㅣ",
            "ㅜㅓ",
            "ㅜㅔ",
            "ㅜㅣ",
            "ㅡㅣ",
            "ㄱㅅ",
            "ㄴㅈ",
            "ㄴㅎ",
            "ㄹㄱ",
            "ㄹㅁ",
            "ㄹㅂ",
            "ㄹㅅ",
            "ㄹㅌ",
            "ㄹㅍ",
            "ㄹㅎ",
            "ㅂㅅ",
        ],
        strict=True,
    )
)
# A letter that is repeated counts once, and so does a vowel that is drawn out: 바아아보 is 바보.
_REPEATED = re.compile(r"(.)\1+|([ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ])(?:ㅇ\2)+")
_LOOK_ALIKES = {
    "0": "o",
    "1": "i",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "i",
    "l": "i",
}
# Digits between syllables are put there to hide a word: 시1발.
_BETWEEN = re.compile(r"(?<=[가-힣ㄱ-ㅣ])[0-9]{1,3}(?=[가-힣ㄱ-ㅣ])")
_KNOWN = 20_000


class _Letters(dict[int, str]):
    """The letters of a character, by its code; nothing for what stands between letters."""

    def __missing__(self, code: int) -> str:
        letters = "".join(_letters(chr(code)))
        if len(self) < _KNOWN:
            self[code] = letters
        return letters


def _letters(character: str) -> Iterator[str]:
    for each in unicodedata.normalize("NFKC", character).lower():
        code = ord(each) - 0xAC00
        if 0 <= code < 11_172:
            yield _INITIALS[code // 588] + _MEDIALS[code % 588 // 28] + _FINALS[code % 28]
        elif "\u1100" <= each <= "\u11ff":
            yield _conjoining(each)
        elif each in _LOOK_ALIKES:
            yield _LOOK_ALIKES[each]
        elif each.isalnum():
            yield _APART.get(each, each)


def _conjoining(letter: str) -> str:
    """Return the letter of a syllable that came in taken apart, as files on a Mac are named."""
    code = ord(letter)
    if code <= 0x1112:
        return _INITIALS[code - 0x1100]
    if 0x1161 <= code <= 0x1175:
        return _MEDIALS[code - 0x1161]
    return _FINALS[code - 0x11A7] if 0x11A8 <= code <= 0x11C2 else ""


_LETTERS = _Letters()


class Folded:
    """A text in the one form; where its letters stand is worked out when something is found."""

    def __init__(self, text: str) -> None:
        self._text = _BETWEEN.sub(lambda digits: "." * len(digits.group()), text)
        self._letters = self._text.translate(_LETTERS)
        self.form = _REPEATED.sub(r"\1\2", self._letters)

    def spans(self, term: str) -> Iterator[Span]:
        """Find a term, which is in the one form itself."""
        at = self.form.find(term)
        while at >= 0:
            if span := self._span(at, at + len(term)):
                yield span
            at = self.form.find(term, at + 1)

    def place(self, letter: int) -> int:
        """Return the place of the character that a letter of the form is of."""
        return self._character(self._begins[letter])

    def _span(self, first: int, after: int) -> Span | None:
        """Return where these letters stand in the text; none when they are a piece of another word."""
        start, end = self._runs(first)[-1][0], self._runs(after - 1)[0][1]
        is_whole = (not first or self._character(self._begins[first] - 1) != start) and (
            after == len(self.form) or self.place(after) != end
        )
        return (start, end + 1) if is_whole and self._stands_alone(start, end + 1) else None

    def _runs(self, letter: int) -> list[list[int]]:
        """Return first and last characters of a letter's repetitions, by runs: other words may begin with it too."""
        runs: list[list[int]] = []
        for each in map(self._character, range(self._begins[letter], self._begins[letter + 1])):
            if runs and each <= runs[-1][1] + 1:
                runs[-1][1] = each
            else:
                runs.append([each, each])
        return runs

    @cached_property
    def _begins(self) -> list[int]:
        """For each letter of the form, and its end: where it begins among all letters."""
        begins: list[int] = []
        at = 0
        for repeated in _REPEATED.finditer(self._letters):
            begins += range(at, repeated.start() + 1)
            at = repeated.end()
        return [*begins, *range(at, len(self._letters) + 1)]

    @cached_property
    def _ends_of_characters(self) -> list[int]:
        """For each character of the text: how many letters there are up to its end."""
        return list(accumulate(len(_LETTERS[ord(character)]) for character in self._text))

    def _character(self, letter: int) -> int:
        return bisect_right(self._ends_of_characters, letter)

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether it may be the word: Korean words are written together, and have particles."""
        found = self._text[start:end]
        if not found.isascii() and not any(map(str.isspace, found)):
            return True
        return not (self._text[start - 1 : start].isalnum() or self._text[end : end + 1].isalnum())


def fold(term: str) -> str:
    """Return a term in the one form."""
    return Folded(term).form
