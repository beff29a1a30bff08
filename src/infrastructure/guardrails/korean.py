"""Korean numbers that say who somebody is, or where their money lies."""

import re
from collections.abc import Iterator
from datetime import date

from stdnum.kr import rrn

from src.infrastructure.guardrails.reading import Anchors, L, R, Reading, Span

_RESIDENT = re.compile(
    rf"{L}([0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))( ?[-./] ?| )?([1-8][0-9]{{6}}){R}"
)
_RESIDENT_WORDS = re.compile(
    r"주민|외국인\s?등록|거소\s?신고|resident|registration|\brrn\b|\barn\b|alien", re.IGNORECASE
)
_RANDOM_SINCE = date(2020, 10, 5)
"""Numbers given since then end in six random digits: no place of birth, no check digit."""

_COUNTRY = r"(?:\(?(?:\+|00)?82\)?[-. ]{0,2}(?:\(0\)|0)?|\(?0)"
_MOBILE = re.compile(rf"{L}{_COUNTRY}1[016-9]\)?([-. ]{{0,2}})[0-9]{{3,4}}([-. ]{{0,2}})[0-9]{{4}}{R}")
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-8]?)"
_LANDLINE = re.compile(rf"{L}{_COUNTRY}{_AREA}(?:\)[-. ]?|[-. ]{{1,2}})[0-9]{{3,4}}[-. ]{{1,2}}[0-9]{{4}}{R}")
_RUN_TOGETHER = re.compile(rf"{L}(?:0{_AREA}[0-9]{{7,8}}|01[1-9][0-9]{{7,8}}){R}")
_PHONE_WORDS = re.compile(
    r"전화|연락|휴대|핸드폰|폰\s?번호|모바일|팩스|내선|통화|\btel|phone|mobile|\bcell|\bcall|\btext\b|fax|contact",
    re.IGNORECASE,
)
_PHONES = Anchors(
    "전화|연락|휴대|핸드폰|폰번호|폰 번호|모바일|팩스|내선|통화|tel|phone|mobile|cell|call|text|fax|contact",
    before=0,
    after=0,
    within_words=True,
)
_NUMERAL = "[0-9공영일이삼사오육륙칠팔구]"
_SPOKEN = re.compile(
    rf"(?<![가-힣0-9])[공영0][일1][공영0일육칠팔구](?:[-. ,]{{0,3}}{_NUMERAL}){{7,8}}(?!{_NUMERAL})"
)
_SPOKEN_BEGIN = Anchors("공일|영일|공1|영1|0일", before=0, after=60)

_PASSPORT = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Z][0-9]{8}|[A-Z][0-9]{3}[A-Z][0-9]{4}|[A-Z]{0,2}[0-9]{7,9})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_PASSPORT_WORDS = Anchors("여권|passport", before=24, after=48)

_REGIONS = r"서울|부산|대구|인천|광주|대전|울산|경기|강원|충북|충남|전북|전남|경북|경남|제주"
_LICENCE = re.compile(
    rf"(?:{L}(?:1[1-9]|2[0-8])([- ])[0-9]{{2}}\1[0-9]{{6}}\1[0-9]{{2}}"
    rf"|(?:{_REGIONS})[- ]?[0-9]{{2}}[- ][0-9]{{6}}[- ][0-9]{{2}}){R}"
)
_LICENCE_BARE = re.compile(rf"{L}(?:1[1-9]|2[0-8])[0-9]{{10}}{R}")
_LICENCE_WORDS = re.compile(r"면허|driver|driving|licen[cs]e", re.IGNORECASE)

_BUSINESS = re.compile(rf"{L}([1-9][0-9]{{2}})([- ])?([0-9]{{2}})(?(2)\2)([0-9]{{5}}){R}")
_BUSINESS_WORDS = re.compile(
    r"사업자|business\s?(?:reg|no|num|licen)|\bbrn\b|tax\s?(?:id|number)", re.IGNORECASE
)
_BUSINESS_CALLED = Anchors("사업자|business|brn|tax", before=0, after=0)
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)

_ACCOUNT = re.compile(rf"{L}(?:[0-9]{{2,6}}(?:[- ][0-9]{{1,8}}){{1,4}}|[0-9]{{10,16}}){R}")
_BANK = (
    r"(?:국민|신한|우리|하나|기업|산업|수협|신협|씨티|제일|대구|부산|광주|제주|전북|경남|카카오|토스|케이|im)\s?(?:은행|뱅크)"
    r"|농협|새마을금고|우체국|카카오뱅크|토스뱅크|케이뱅크|국민|신한|기업은행|sc제일|kb|nh|ibk|kdb|mg"
)
# Other words, too: a bank's when they stand right beside the number.
_CITY_BANK = r"(?:우리|하나|기업|부산|대구|경남|광주|전북|제주|수협|신협|씨티|제일|카카오|토스|케이)"
_ACCOUNT_BEFORE = re.compile(
    rf"(?:계좌|통장|{_BANK}|\baccount\b|\bacct\b|\bbank\b)[^0-9\n]{{0,16}}\Z|{_CITY_BANK}\s?\Z"
)
_ACCOUNT_AFTER = re.compile(rf"\s?[(,]?\s?(?:{_BANK}|예금주|계좌|{_CITY_BANK}\s?(?:\)|으?로|통장))")
_BANK_WORDS = Anchors(
    "계좌|통장|account|acct|bank|은행|뱅크|농협|금고|우체국|국민|신한|sc제일|kb|nh|ibk|kdb|mg|예금주|입금|송금|이체|보내|우리|하나|부산|토스|카카오",
    before=0,
    after=0,
)
_BESIDE = 6
"""How near one account's number may stand to the next."""
AFTER_ACCOUNT = 14
"""How far behind an account's number its bank may be named."""


def resident_numbers(reading: Reading) -> Iterator[Span]:
    """Registration numbers of residents and foreigners, by their check digit.

    One without it counts where it is called so, or where whoever has it was born when numbers had none any more.
    """
    for found in reading.numbers(_RESIDENT, digits=13):
        birth, separator, rest = found.groups()
        born = _birth_date(birth, rest[0])
        if born is None or born > date.today():  # noqa: DTZ011  # a day more or less is all the same
            continue
        checks = _has_check_digit(birth + rest) and (
            separator or not reading.is_labelled_otherwise(found.start())
        )
        is_new = separator == "-" and born >= _RANDOM_SINCE
        if checks or is_new or _RESIDENT_WORDS.search(reading.before(found.start(), 40)):
            yield found.span()


def _birth_date(birth: str, century: str) -> date | None:
    try:
        return date((1900 if century in "1256" else 2000) + int(birth[:2]), int(birth[2:4]), int(birth[4:]))
    except ValueError:
        return None


def _has_check_digit(number: str) -> bool:
    check = int(rrn.calc_check_digit(number[:-1]))
    # Numbers of foreigners are checked with two more.
    return int(number[-1]) == ((check + 2) % 10 if number[6] in "5678" else check) or rrn.is_valid(number)


def phones(reading: Reading) -> Iterator[Span]:
    """Mobiles and landlines, with and without +82; run together where they are called so; spoken (공일공)."""
    is_called = _PHONES.are_in(reading)
    for found in reading.numbers(_MOBILE, digits=10) if "01" in reading.text or "82" in reading.text else ():
        is_plain = not found[1] and not found[2]
        if not (is_plain and reading.is_labelled_otherwise(found.start())):
            yield found.span()
    for found in reading.numbers(_LANDLINE, digits=9):
        if not reading.is_labelled_otherwise(found.start()):
            yield found.span()
    for found in reading.numbers(_RUN_TOGETHER, digits=9) if is_called else ():
        if _PHONE_WORDS.search(reading.before(found.start())):
            yield found.span()
    yield from (found.span() for found in _SPOKEN_BEGIN.find(_SPOKEN, reading))


def passports(reading: Reading) -> Iterator[Span]:
    """Passport numbers where they are called so: a letter and digits alone are anything."""
    for found in _PASSPORT_WORDS.find(_PASSPORT, reading):
        if not reading.is_labelled_otherwise(found.start()):
            yield found.span()


def driver_licences(reading: Reading) -> Iterator[Span]:
    """Numbers of driver's licences, 11-22-333333-44 or with the region's name."""
    for found in reading.numbers(_LICENCE, digits=10):
        if not reading.is_labelled_otherwise(found.start()):
            yield found.span()
    for found in reading.numbers(_LICENCE_BARE, digits=12):
        if _LICENCE_WORDS.search(reading.before(found.start())):
            yield found.span()


def business_numbers(reading: Reading) -> Iterator[Span]:
    """Business registration numbers by their check digit (National Tax Service), run together where called so."""
    may_be_called_so = _BUSINESS_CALLED.are_in(reading)
    for found in reading.numbers(_BUSINESS, digits=10):
        if not (found[2] or may_be_called_so) or not _is_business(found[1] + found[3] + found[4]):
            continue
        is_called_so = bool(_BUSINESS_WORDS.search(reading.before(found.start(), 40)))
        if is_called_so or (found[2] == "-" and not reading.is_labelled_otherwise(found.start())):
            yield found.span()


def _is_business(number: str) -> bool:
    digits = [int(digit) for digit in number]
    total = sum(weight * digit for weight, digit in zip(_BUSINESS_WEIGHTS, digits, strict=False))
    return (total + digits[8] * 5 // 10 + digits[9]) % 10 == 0


def bank_accounts(reading: Reading) -> Iterator[Span]:
    """Numbers of bank accounts, beside a bank's name or where they are called so: they have no form of their own."""
    if not _BANK_WORDS.are_in(reading):
        return
    last_end = -_BESIDE
    for found in reading.numbers(_ACCOUNT, digits=10):
        digits = sum(map(str.isdigit, found.group()))
        if not 10 <= digits <= 16 or reading.is_labelled_otherwise(found.start()):
            continue
        before, after = reading.before(found.start()), reading.after(found.end(), AFTER_ACCOUNT)
        is_next = found.start() - last_end < _BESIDE
        if is_next or _ACCOUNT_AFTER.match(after.lower()) or _ACCOUNT_BEFORE.search(before.lower()):
            last_end = found.end()
            yield found.span()
