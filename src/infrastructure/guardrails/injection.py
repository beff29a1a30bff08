"""Signs that a text means to command the model: prompt injection and jailbreaks, in Korean and English.

Each sign has a weight; where those that stand near each other come to `THRESHOLD`, the text is taken for an attempt.
One sign is enough where nobody writes so without meaning it; others need company. What is quoted in a talk about
such attempts, and questions whether a rule may be ignored, count for less.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from src.infrastructure.guardrails.reading import Reading, Span
from src.infrastructure.guardrails.signs import SIGNS

THRESHOLD = 0.6
NEAR = 320
"""Within so many characters signs belong together."""


_QUOTED = re.compile(
    r"(?:\"[^\"\n]{4,200}\"|“[^”\n]{4,200}”|‘[^’\n]{4,200}’|'[^'\n]{4,200}'|「[^」\n]{4,200}」|`[^`\n]{4,200}`)"
)
_TALKS_ABOUT = (
    *(
        "explain",
        "what is",
        "what does",
        "what are",
        "why ",
        "mean",
        "definition",
        "example",
        "how do",
        "how can",
        "how should",
    ),
    *(
        "detect",
        "prevent",
        "defen",
        "protect",
        "mitigat",
        "awareness",
        "training",
        "article",
        "paper",
        "translate",
        "proofread",
    ),
    *(
        "such as",
        "like ",
        "called",
        "phrase",
        "attack",
        "설명",
        "의미",
        "뜻",
        "이란",
        "무엇",
        "방어",
        "탐지",
        "막으",
        "막는",
        "막을",
    ),
    *(
        "예방",
        "교육",
        "보고서",
        "논문",
        "기사",
        "번역",
        "예시",
        "예문",
        "사례",
        "문구",
        "공격",
        "라는 말",
        "같은",
        "왜",
        "이라는",
        "라는",
    ),
)
QUOTED_SHARE = 0.3
"""What a sign counts that is quoted by somebody who talks about it."""
_QUESTION = re.compile(
    r"^\W{0,3}(?:should|may|must|do|does|did|is|are|was|were|what|when|why|how|who|which|am|has|have|would) [^?\n]{3,200}\?"
    r"|(?:나요|까요|는지요?|ㄹ까|을까|인가요|습니까|니까|되나|하나|있나|돼요|되죠|인지|건가요)\s{0,2}\?",
)
QUESTION_SHARE = 0.5
"""What the sign of an order counts in a question whether it holds."""

_SPACED = re.compile(r"(?<![a-z0-9])(?:[a-z0-9][ ._*-]{1,2}){7,200}+[a-z0-9](?![a-z0-9])")
# Quick looks: what is rare comes first.
_MAYBE_SPACED = re.compile(r"[ ._*-](?:[a-z0-9][ ._*-]{1,2}){4}")
_LEET = re.compile(r"[013457@$](?<=[a-z].)(?=[a-z])")
_FROM_LEET = str.maketrans("013457@$", "oieastas")
_ORDERS = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)[a-z]{0,24}(?:instruction|prompt|rule|guideline|direction)"
    r"|(?:reveal|show|print)[a-z]{0,12}systemprompt|jailbreak"
)
_ORDERS_IN_LEET = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)[a-z_]{0,24}(?:instruction|prompt|rule|guideline|direction)"
    r"|(?:reveal|show|print)[a-z_]{0,12}system_prompt|jailbreak"
)
_LONGEST_ORDER = 60
_NO_LETTER = re.compile("[^a-z]")
_END_OF_SENTENCE = re.compile(r"[.!?。](?=\s|\Z)|\n")
_LONGEST_SENTENCE = 240
_MOST_OF_A_SIGN = 6

_KOREAN_WORDS = {word for sign in SIGNS for word in sign.anchors.korean}
# The longest first: what is within a word is looked for with it.
_KOREAN = re.compile("|".join(map(re.escape, sorted(_KOREAN_WORDS, key=len, reverse=True))))
_SIGNS_OF = {
    word: [number for number, sign in enumerate(SIGNS) if any(each in word for each in sign.anchors.korean)]
    for word in _KOREAN_WORDS
}

Found = tuple[int, int, int, float]
"""Where a sign begins and ends, which one it is, and what it counts there."""


def injections(reading: Reading) -> Iterator[Span]:
    """Attempts, each with the whole sentences that its signs stand in."""
    signs = sorted(_found(reading))
    at = 0
    while at < len(signs):
        near = [sign for sign in signs[at:] if sign[0] - signs[at][0] <= NEAR]
        if _total(near) >= THRESHOLD:
            yield _sentences(reading.text, near[0][0], max(end for _start, end, *_rest in near))
            at += len(near)
        else:
            at += 1


def score(text: str) -> float:
    """Return the most that signs near each other come to."""
    signs = sorted(_found(Reading.of(text)))
    return max(
        (_total([sign for sign in signs if 0 <= sign[0] - first[0] <= NEAR]) for first in signs), default=0.0
    )


def _total(signs: Sequence[Found]) -> float:
    """A text is not worse for saying the same twice."""
    weights: dict[int, float] = {}
    for _start, _end, sign, weight in signs:
        weights[sign] = max(weight, weights.get(sign, 0.0))
    return sum(weights.values()) + 1e-9


def _found(reading: Reading) -> Iterator[Found]:
    text = reading.lower
    words = () if text.isascii() else set(_KOREAN.findall(text))
    korean = {number for word in words for number in _SIGNS_OF[word]}
    for number, sign in enumerate(SIGNS):
        if number not in korean and not sign.anchors.latin_are_in(reading):
            continue
        for found in islice(sign.anchors.around(sign.pattern, reading, text), _MOST_OF_A_SIGN):
            yield *found.span(), number, sign.weight * _share(text, *found.span(), is_order=sign.is_order)
    yield from _disguised(text)


def _share(text: str, start: int, end: int, *, is_order: bool) -> float:
    """What a sign counts where it stands."""
    begin, after = _sentences(text, start, end)
    sentence = text[begin:after]
    if is_order and _QUESTION.search(sentence):
        return QUESTION_SHARE
    is_quoted = any(
        quoted.start() + begin <= start + 1 and end <= quoted.end() + begin + 1
        for quoted in _QUOTED.finditer(sentence)
    )
    return QUOTED_SHARE if is_quoted and any(word in sentence for word in _TALKS_ABOUT) else 1.0


def _disguised(text: str) -> Iterator[Found]:
    """Orders in spaced letters or in digits that look like letters: nobody writes them so without meaning it."""
    for found in _SPACED.finditer(text) if _MAYBE_SPACED.search(text) else ():
        if _ORDERS.search(_NO_LETTER.sub("", found.group().translate(_FROM_LEET))):
            yield *found.span(), len(SIGNS), THRESHOLD
    for begin, end in _around_leet(text):
        plain = _NO_LETTER.sub("_", text[begin:end].translate(_FROM_LEET))
        for found in islice(_ORDERS_IN_LEET.finditer(plain), _MOST_OF_A_SIGN):
            start, after = begin + found.start(), begin + found.end()
            if _LEET.search(text, start, after):
                yield start, after, len(SIGNS), THRESHOLD


def _around_leet(text: str) -> Iterator[Span]:
    """Yield where digits stand between letters, with as much around them as an order is long."""
    begin, end = 0, -1
    for found in _LEET.finditer(text):
        if found.start() - _LONGEST_ORDER > end:
            if end >= 0:
                yield begin, end
            begin = max(0, found.start() - _LONGEST_ORDER)
        end = found.end() + _LONGEST_ORDER
    if end >= 0:
        yield begin, end


def _sentences(text: str, start: int, end: int) -> Span:
    """Return the sentences that a span stands in; no longer than sentences are."""
    while start < end - 1 and not text[start].isalnum():
        start += 1
    first = max(0, start - _LONGEST_SENTENCE)
    for before in _END_OF_SENTENCE.finditer(text, first, start):
        first = before.end()
    while first < start and text[first].isspace():
        first += 1
    after = _END_OF_SENTENCE.search(text, end - 1, end + _LONGEST_SENTENCE)
    return first, after.end() if after else min(len(text), end + _LONGEST_SENTENCE)
