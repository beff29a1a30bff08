"""What a question wants to know, told by its wording, and how a text that tells it looks."""

import re
from enum import Enum, auto


class Asks(Enum):
    """The kinds of answers that a question may want."""

    NUMBER = auto()
    DURATION = auto()
    MONEY = auto()
    TIME = auto()
    PERSON = auto()
    PLACE = auto()
    CODE = auto()
    DEFINITION = auto()
    PERMISSION = auto()
    LIST = auto()


# Kinds without which a sentence can hardly be the answer.
COUNTED = frozenset({Asks.MONEY, Asks.NUMBER, Asks.DURATION, Asks.TIME, Asks.CODE})


def _any(*alternatives: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), flags)


_SIGNS = {
    Asks.DURATION: _any(
        r"며칠|기간|주기|얼마\s?동안|얼마\s?만에|얼마나\s?(?:오래|걸|자주)",
        r"몇\s?(?:일|달|개월|년|주|시간|분)",
        r"\bhow (?:long|often)\b",
        r"\bhow many (?:\w+ )?(?:days?|weeks?|months?|years?|hours?|minutes?)\b",
    ),
    Asks.MONEY: _any(
        r"(?:급여|월급|수당|보너스|돈|[가-힣][비금])[은는이가을를]?\s?얼마나",
        r"얼마(?!\s?(?:동안|나|만에))|몇\s?(?:만\s?)?원|금액|가격|비용|한도|요금",
        r"\b(?:how much|costs?|price|budget|amount|money)\b",
    ),
    Asks.NUMBER: _any(
        r"몇|얼마나|횟수|퍼센트|비율",
        r"\bhow (?:many|big|large|far|old|tall|fast|much)\b",
        r"\b(?:percent(?:age)?|number of|what age)\b",
    ),
    Asks.TIME: _any(
        r"언제|몇\s?시|며칟날|날짜|기한|마감|몇\s?월|몇\s?년도",
        r"^(?:\w+ )?when\b|\bwhen (?:is|are|do|does|did|can|will|was|were|should|must|may)\b",
        r"\bwhat (?:time|date|year|day|month)\b|\bwhich (?:year|day|month)\b",
        r"\b(?:deadline|by when|how soon)\b",
    ),
    Asks.PERSON: _any(
        r"누가|누구|누굴|담당자|어느\s?(?:팀|부서)",
        r"\bwho(?:m|se)?\b|\bwhich (?:team|person|department)\b",
    ),
    Asks.PLACE: _any(
        r"어디|어느\s?곳|장소|위치|주소",
        r"\b(?:where|address)\b",
        r"\bwhich (?:floor|room|building|office|city|country|state)\b",
    ),
    Asks.CODE: _any(
        r"번호|코드|기호|내선",
        r"\b(?:phone|extension|code)\b|\bnumber\b(?! of)",
        r"\bwhom? (?:do|should|can) (?:i|we) call\b",
    ),
    Asks.DEFINITION: _any(
        r"(?:이란|란)\s*(?:\?|$|무엇|뭐|뭔)",
        r"무엇(?:인가|입니까|이에요|이죠)|뭐(?:야|예요|에요|죠|지)|뭔가요|뜻|의미|정의",
        r"^what(?:'s| is| are| was| were) (?!the (?:best|average|number|maximum|cost|limit|deadline))",
        r"\bdefin(?:e|ition)\b|\bmeaning of\b|\bwhat does .* (?:mean|stand for)\b",
    ),
    Asks.PERMISSION: _any(
        r"(?<!어떻게 )(?:되나|될까|돼요|되요)",
        r"가능|괜찮|해도|써도|있나요|있을까|있어요|안\s?되",
        r"^(?:can|may|could|am i|are we|is it|do i|do we|does|is there|are there|should|must)\b",
        r"\ballowed\b",
    ),
    Asks.LIST: _any(
        r"종류|목록|뭐가|무엇이|무엇무엇|뭐뭐|어떤\s?것|어떤\s?게",
        r"준비물|서류|구성|항목|들은|절차|순서",
        r"\bwhat (?:are|were)\b|\bwhich\b.*\bare\b",
        r"\b(?:list|steps?|examples)\b|\b(?:what|which) (?:\w+ )?documents\b",
    ),
}

_COUNT = (
    r"(?:\d[\d,.]*|하루|이틀|사흘|한 달|반나절|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice)"
)
_UNIT_OF_TIME = r"(?:초|분|시간|일|주|주일|개월|달|년|영업일|회|번|seconds?|minutes?|hours?|days?|weeks?|months?|years?|times?)"
_MONTHS = r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b"
_WEEKDAYS = r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[월화수목금토일]요일"
_FITTING = {
    Asks.DURATION: _any(
        rf"{_COUNT}[\s-]?(?:business |working |calendar )?{_UNIT_OF_TIME}",
        r"매(?:일|주|월|년)|분기|반기|하루|이틀",
        r"\b(?:daily|weekly|monthly|yearly|annually|quarterly|once|twice|every)\b",
    ),
    Asks.MONEY: _any(
        r"\d[\d,.]*\s?(?:천|만|억)?\s?(?:원|달러|유로)|무료|전액",
        r"[$€£₩]\s?\d|\b(?:KRW|USD|EUR|GBP|free)\b|\d\s?(?:%|percent|dollars|won|euros)",
    ),
    Asks.NUMBER: _any(_COUNT),
    Asks.TIME: _any(
        rf"{_MONTHS}|{_WEEKDAYS}",
        r"\d{4}|\d{1,2}\s?(?:월|일|시|:\d\d)|\d{1,2}\s?(?:am|pm|a\.m|p\.m)",
        r"매(?:월|주|년|일)|이내|안에|까지|뒤에|말일|초에|분기",
        r"\b(?:within|before|after|until|by the|every|no later)\b",
    ),
    Asks.PERSON: _any(
        r"[가-힣]+(?:팀|부서|실장|팀장|본부장|대표|담당자|위원회|관리자|부장|과장|센터)",
        r"\b(?:team|manager|director|officer|department|committee|desk|lead|CEO|HR|founders?|by [A-Z])\b",
        r"[A-Z][a-z]+ [A-Z][a-z]+",
    ),
    # Names of places are told from other words by their capitals.
    Asks.PLACE: _any(
        r"\d+\s?층|[A-Z]?동\b|호(?:실)?|포털|시스템|사이트|메뉴|창구|센터|[가-힣]실\b|[가-힣]+[로길]\s?\d+",
        r"https?:|@|\.(?:com|kr|net)",
        r"\b(?:at|in|on|from|via|through|under|near) (?:the )?[A-Z#]",
        r"\b(?:portal|floor|room|building|office|desk|located|reception)\b",
        flags=re.NOFLAG,
    ),
    Asks.CODE: _any(
        r"[A-Z]{1,3}-?\d{2,}|\d{2,4}-\d{3,4}|\+\d{2}",
        r"(?:내선|extension|ext\.?)\s?\d+",
    ),
    Asks.PERMISSION: _any(
        r"가능|불가|수 있|수 없|안 됩니다|금지|허용|해야|않[는습아]|제외",
        r"\b(?:can|may|must|cannot|not|only|allowed|permitted|prohibited|required|eligible|entitled)\b",
    ),
}


def asked_for(question: str) -> frozenset[Asks]:
    """Return the kinds of answers that the wording of a question calls for."""
    return frozenset(kind for kind, sign in _SIGNS.items() if sign.search(question))


def tells(text: str, asks: Asks) -> bool:
    """Whether a text holds something of the kind: a number, a sum, a date, somebody, a place."""
    return asks in _FITTING and bool(_FITTING[asks].search(text))
