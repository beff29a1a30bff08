"""How a text is read before patterns look at it: without tricks of writing, and with its numbers found once."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

Span = tuple[int, int]
Detector = Callable[["Reading"], Iterator[Span]]
"""Finds one kind of thing. Every quantifier in its patterns is bounded, so its work grows as the text does."""

_SPACES = "\u00a0\u2002\u2003\u2007\u2008\u2009\u202f\u205f\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\ufe58\ufe63"
# One character becomes one, so that places stay what they are. (Of the letters, İ alone has a longer small form.)
_PLAIN = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | {code: ord("0") + (code - 0x1D7CE) % 10 for code in range(0x1D7CE, 0x1D800)}
    | {start + digit: ord("0") + digit for start in (0x660, 0x6F0) for digit in range(10)}
    | dict.fromkeys(map(ord, _SPACES), " ")
    | dict.fromkeys(map(ord, _DASHES), "-")
    | {0x130: "I", 0x2024: ".", 0x2236: ":"}
)
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]+")
_UNUSUAL = re.compile(
    "[\u00a0\u00ad\u0130\u0660-\u06f9\u180e\u2000-\u2236\u3000\u30fc\ufe58-\uff5e\ufeff\U0001d7ce-\U000e007f]"
)
_ISLAND = re.compile(r"[0-9](?:[-. ()/]{0,3}[0-9]){6,127}+")

_DATE = re.compile(r"(?:19|20)[0-9]{2}[-./] ?[0-9]{1,2}[-./] ?[0-9]{1,2}\.?(?: {1,2}[0-9]{1,2})?")

_WORD = re.compile(r"[a-z]{4,}")
_STEM = 4

# No part of a longer number, date, code or word: L stands before a pattern of a number and R behind it.
L = r"(?<![0-9A-Za-z_])(?<![0-9][-./])"
R = r"(?![0-9A-Za-z_])(?![-./][0-9])"

_OTHER_NUMBERS_ARE = """
    주문 송장 운송장 접수 문서 승인 거래 참조 고객 회원 예약 일련 제품 모델 품목 자재 관리 계약 공고 사건 민원 등기 배송 티켓 쿠폰
    시리얼 버전 빌드 전표 발주 견적 청구 입찰 과제 특허 출원 허가 신고 우편 바코드 로트 추적 작업 요청 확인 발급 자산 상품 인증 세션
    트랜잭션 로그 영수증 접속 대장 주문서 사번 학번 코드 도서 증권 보험 품의 결재 기안 공문 재고 창고 택배 수하물 항공권
    order invoice tracking shipment parcel reference ref ticket case version build serial model part sku po lot batch
    barcode isbn ean upc patent docket transaction confirmation request session document doc asset receipt customer
    member policy claim trace job log timestamp epoch commit imei meter voucher coupon waybill consignment booking
    requisition revision article item product id
"""
_OTHER_NUMBERS = tuple(_OTHER_NUMBERS_ARE.split())
_CALLED = ("번호", "number", "no", "no.", "num", "id", "code", "key", "코드", "#", "nr")
_JOINED = ("는", "은", "이", "가", "를", " is", " was", " are")
_SIGNS = " \t:=#([{<\"'.,-"
_BEFORE = 28


@dataclass(frozen=True)
class Reading:
    """A text as patterns see it; `places` lead back where invisible characters were left out."""

    text: str
    places: tuple[int, ...] | None = None

    @classmethod
    def of(cls, text: str) -> "Reading":
        if text.isascii() or not _UNUSUAL.search(text):
            return cls(text)
        places = None
        if _INVISIBLE.search(text):
            gone = {at for found in _INVISIBLE.finditer(text) for at in range(*found.span())}
            places = tuple(at for at in range(len(text) + 1) if at not in gone)
            text = _INVISIBLE.sub("", text)
        return cls(text.translate(_PLAIN), places)

    @cached_property
    def lower(self) -> str:
        return self.text.lower()

    @cached_property
    def latin(self) -> str:
        """The ASCII characters alone: to look into them is much faster, where most of a text is Korean."""
        return self.text if self.text.isascii() else self.text.encode("ascii", "ignore").decode()

    @cached_property
    def small_latin(self) -> str:
        return self.latin.lower()

    @cached_property
    def stems(self) -> frozenset[str]:
        """How its English words begin."""
        return frozenset([word[:_STEM] for word in _WORD.findall(self.small_latin)])

    @cached_property
    def islands(self) -> tuple[Span, ...]:
        """Runs of at least seven digits with few signs between them: where numbers may be that say who one is."""
        spans = (found.span() for found in _ISLAND.finditer(self.text))
        return tuple(span for span in spans if not _DATE.fullmatch(self.text, *span))

    def numbers(self, pattern: "re.Pattern[str]", digits: int) -> "Iterator[re.Match[str]]":
        """Look for a pattern among the numbers that are long enough for it."""
        for start, end in self.islands:
            if end - start >= digits:
                yield from pattern.finditer(self.text, max(0, start - 8), end + 1)

    def before(self, start: int, characters: int = _BEFORE) -> str:
        return self.text[max(0, start - characters) : start]

    def after(self, end: int, characters: int) -> str:
        return self.text[end : end + characters]

    def is_labelled_otherwise(self, start: int) -> bool:
        """Whether the words before a number call it something harmless: an order's, a document's, a version's."""
        label = self.before(start).lower().rstrip(_SIGNS)
        for endings in (_JOINED, _CALLED):
            for ending in endings:
                if label.endswith(ending):
                    label = label.removesuffix(ending).rstrip(_SIGNS)
                    break
        return label.endswith(_OTHER_NUMBERS)

    def original(self, span: Span) -> Span:
        """Return the place of a span in the text as it was given."""
        if self.places is None:
            return span
        return self.places[span[0]], self.places[span[1] - 1] + 1


class Anchors:
    """Words of which one is in everything that a pattern finds: the pattern is tried around them alone.

    Most texts have none of them, and then a look that costs a microsecond was all. English words of four letters and
    more are looked for where words begin, or with `within_words` anywhere.
    """

    def __init__(self, words: str, *, before: int, after: int, within_words: bool = False) -> None:
        each = words.split("|")
        self.latin = tuple(word for word in each if word.isascii())
        self.korean = tuple(word for word in each if not word.isascii())
        matches = {} if within_words else {word: _WORD.match(word) for word in self.latin}
        self._begun = {word: found.group()[:_STEM] for word, found in matches.items() if found}
        self._stems = frozenset(self._begun.values())
        self._pieces = tuple(word for word in self.latin if word not in self._begun)
        self._korean = re.compile("|".join(map(re.escape, self.korean))) if self.korean else None
        self._before = before
        self._after = after

    def are_in(self, reading: Reading) -> bool:
        return self.latin_are_in(reading) or bool(self._korean and self._korean.search(reading.lower))

    def latin_are_in(self, reading: Reading) -> bool:
        if not self._stems.isdisjoint(reading.stems):
            return True
        return any(map(reading.small_latin.__contains__, self._pieces))

    def find(self, pattern: "re.Pattern[str]", reading: Reading) -> "Iterator[re.Match[str]]":
        if self.are_in(reading):
            yield from self.around(pattern, reading, reading.text)

    def around(self, pattern: "re.Pattern[str]", reading: Reading, text: str) -> "Iterator[re.Match[str]]":
        """Find the pattern around the words of a reading, in its text or in that in small letters."""
        for start, end in self._windows(reading):
            yield from pattern.finditer(text, start, end)

    def match(self, pattern: "re.Pattern[str]", reading: Reading) -> "Iterator[re.Match[str]]":
        """Match the pattern where one of the words begins."""
        if self.are_in(reading):
            for start, _end in self._places(reading):
                if found := pattern.match(reading.text, start):
                    yield found

    def _places(self, reading: Reading) -> list[Span]:
        begun = [word for word, stem in self._begun.items() if stem in reading.stems]
        words = (*begun, *self._pieces, *self.korean)
        return sorted(span for word in words for span in _places(word, reading.lower))

    def _windows(self, reading: Reading) -> Iterator[Span]:
        start, end = 0, -1
        for first, after in self._places(reading):
            if first - self._before > end >= 0:
                yield start, end
            if first - self._before > end or end < 0:
                start = max(0, first - self._before)
            end = max(end, after + self._after)
        if end >= 0:
            yield start, end


def _places(word: str, text: str) -> Iterator[Span]:
    at = text.find(word)
    while at >= 0:
        yield at, at + len(word)
        at = text.find(word, at + len(word))
