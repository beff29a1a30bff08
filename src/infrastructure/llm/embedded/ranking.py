"""Which unit of which passage answers the question, and whether any does."""

import math
import re
from dataclasses import dataclass

from src.infrastructure.llm.embedded.evidence import Evidence, Unit, UnitKind
from src.infrastructure.llm.embedded.question import Asks, Concept, Question

# How much of a concept counts that is not named in the unit itself but near it.
_IN_HEADING = 0.85
_IN_LEAD_IN = 0.8
_IN_LOCATION = 0.75
_IN_TITLE = 0.5
_IN_PREVIOUS = 0.5
_IN_NEXT = 0.35
_IN_PASSAGE = 0.3

# Below this share of what the question names, a unit is no answer.
_COVERAGE_NEEDED = 0.55
_OWN_SHARE_NEEDED = 0.2

_FIT = 1.3
_NO_FIT = 0.8
_DEFINES = 1.4

_UNITS_OF_TIME = r"(?:초|분|시간|일|주|주일|개월|달|년|영업일|회|번|seconds?|minutes?|hours?|days?|weeks?|months?|years?|times?)"
_COUNT = r"(?:\d[\d,.]*|하루|이틀|사흘|한 달|반나절|one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice)"
_FITTING = {
    Asks.DURATION: rf"{_COUNT}[\s-]?(?:business |working |calendar )?{_UNITS_OF_TIME}|매(?:일|주|월|년)|\b(?:daily|weekly|monthly|yearly|"
    r"annually|quarterly|once|twice|every)\b|분기|반기|하루|이틀",
    Asks.MONEY: r"\d[\d,.]*\s?(?:만|천|억)?\s?(?:원|달러|유로)|[$€£₩]\s?\d|\b(?:KRW|USD|EUR|GBP)\b|\d\s?(?:%|percent|dollars|won|euros)|무료|전액|\bfree\b",
    Asks.NUMBER: rf"{_COUNT}",
    Asks.TIME: r"\d{4}|\d{1,2}\s?(?:월|일|시|:\d\d)|\d{1,2}\s?(?:am|pm|a\.m|p\.m)|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|"
    r"Dec)[a-z]*\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[월화수목금토일]요일|매(?:월|주|년|일)|이내|까지|전까지|"
    r"\b(?:within|before|after|until|by the|every|no later)\b|말일|초에|분기",
    Asks.PERSON: r"[가-힣]+(?:팀|부서|실장|팀장|본부장|대표|담당자|위원회|관리자|부장|과장|센터)|"
    r"\b(?:team|manager|director|officer|department|committee|desk|lead|CEO|HR|founders?|by [A-Z])\b|[A-Z][a-z]+ [A-Z][a-z]+",
    Asks.PLACE: r"\d+\s?층|[A-Z]?동\b|호(?:실)?|포털|시스템|사이트|메뉴|창구|센터|[가-힣]실\b|https?:|@|\.(?:com|kr|net)|"
    r"\b(?:at|in|on|from|via|through|under|near) (?:the )?[A-Z#]|\b(?:portal|floor|room|building|office|desk|located|reception)\b",
    Asks.PERMISSION: r"가능|불가|수 있|수 없|안 됩니다|금지|허용|해야|않[는습아]|제외|\b(?:can|may|must|cannot|not|allowed|permitted|prohibited|only|required|eligible|"
    r"entitled)\b",
}
_FITS = {
    asks: re.compile(pattern, re.IGNORECASE) for asks, pattern in _FITTING.items() if asks is not Asks.PLACE
}
_FITS[Asks.PLACE] = re.compile(_FITTING[Asks.PLACE])
# Kinds without which a sentence can hardly be the answer.
_STRICT = frozenset({Asks.MONEY, Asks.NUMBER, Asks.DURATION, Asks.TIME})
_IS_DEFINED = re.compile(
    r"(?:\)|이?란|은|는|:)\s|\b(?:is|are|was|were|means?|refers? to|stands for|defined as|known as|describes?)\b",
    re.IGNORECASE,
)
_DEFINITION_END = re.compile(
    r"(?:말한다|말합니다|뜻한다|뜻합니다|의미한다|의미합니다|이다|입니다|방식|개념|과정)\W*$"
)


@dataclass(frozen=True)
class Candidate:
    """A unit with its score for the ranking and the share of the question that it covers."""

    evidence: Evidence
    at: int
    score: float
    coverage: float
    own: float
    covered: frozenset[str]

    @property
    def unit(self) -> Unit:
        return self.evidence.units[self.at]


def ranked(question: Question, evidence: list[Evidence]) -> list[Candidate]:
    """Return the units that answer the question, best first; none when the passages do not answer it."""
    readable = [(_askable(question, one), one) for one in evidence]
    rarity = _rarity(question, evidence)
    candidates = [
        candidate
        for asked, one in readable
        if asked.concepts
        for candidate in _candidates(asked, one, rarity)
        if _answers(candidate, asked)
    ]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _askable(question: Question, evidence: Evidence) -> Question:
    """Reduce a question to names and numbers for a passage in the other language: nothing else can match."""
    if question.language == evidence.language:
        return question
    names = tuple(concept for concept in question.concepts if concept.is_name)
    return Question(question.text, question.language, names, question.asks)


def _rarity(question: Question, evidence: list[Evidence]) -> dict[str, float]:
    """Weigh each concept by how few units name it (between 0.3 and 1)."""
    units = [unit for one in evidence for unit in one.units]
    rarity = {}
    for concept in question.concepts:
        frequency = sum(1 for unit in units if unit.strength(concept) > 0)
        share = math.log((len(units) + 1) / (frequency + 0.5)) / math.log((len(units) + 1) / 0.5)
        rarity[concept.surface] = max(0.3, share)
    return rarity


def _candidates(question: Question, evidence: Evidence, rarity: dict[str, float]) -> list[Candidate]:
    anywhere = {
        concept.surface: max((unit.strength(concept) for unit in evidence.units), default=0.0)
        for concept in question.concepts
    }
    return [
        _candidate(question, evidence, at, rarity, anywhere)
        for at, unit in enumerate(evidence.units)
        if unit.kind not in {UnitKind.HEADING, UnitKind.HEADER} and unit.text
    ]


def _candidate(
    question: Question, evidence: Evidence, at: int, rarity: dict[str, float], anywhere: dict[str, float]
) -> Candidate:
    unit = evidence.units[at]
    own_sum = covered_sum = score_sum = score_of = 0.0
    covered = set()
    for concept in question.concepts:
        own = unit.strength(concept)
        strength = max(own, _near(concept, evidence, at), _IN_PASSAGE * anywhere[concept.surface])
        own_sum += concept.weight * max(own, _in_heading(concept, evidence, at))
        covered_sum += concept.weight * strength
        score_sum += concept.weight * rarity[concept.surface] * strength
        score_of += concept.weight * rarity[concept.surface]
        if own > 0:
            covered.add(concept.surface)
    score = score_sum / score_of * _fitness(question, unit) * _shape(question, evidence, unit)
    weight = question.weight
    return Candidate(evidence, at, score, covered_sum / weight, own_sum / weight, frozenset(covered))


def _near(concept: Concept, evidence: Evidence, at: int) -> float:
    """Tell how well what stands around the unit names the concept."""
    unit, units = evidence.units[at], evidence.units
    lead_in = _IN_LEAD_IN * units[unit.lead_in].strength(concept) if unit.lead_in is not None else 0.0
    previous = _IN_PREVIOUS * units[at - 1].strength(concept) if at else 0.0
    following = _IN_NEXT * units[at + 1].strength(concept) if at + 1 < len(units) else 0.0
    title = _IN_TITLE * evidence.title.strength(concept)
    return max(lead_in, previous, following, title, _in_heading(concept, evidence, at))


def _in_heading(concept: Concept, evidence: Evidence, at: int) -> float:
    unit = evidence.units[at]
    heading = (
        _IN_HEADING * evidence.units[unit.heading].strength(concept) if unit.heading is not None else 0.0
    )
    return max(heading, _IN_LOCATION * evidence.location.strength(concept))


def _fitness(question: Question, unit: Unit) -> float:
    """Tell whether the unit holds what is asked for: a number, a sum, a date, somebody, a place."""
    factor = 1.0
    for asks in question.asks:
        if asks in _FITS:
            fits = _FITS[asks].search(unit.text)
            factor *= _FIT if fits else (_NO_FIT if asks in _STRICT else 1.0)
    if Asks.DEFINITION in question.asks and _defines(question, unit):
        factor *= _DEFINES
    return min(factor, 1.8)


def _defines(question: Question, unit: Unit) -> bool:
    """Whether the unit begins with the subject of the question and says what it is."""
    strong = [concept for concept in question.concepts if concept.is_strong]
    places = [place for concept in strong if (place := unit.place(concept)) is not None]
    if not strong or len(places) < len(strong) or min(places) > 25:
        return False
    return bool(
        _IS_DEFINED.search(unit.text, min(places), max(places) + 60) or _DEFINITION_END.search(unit.text)
    )


def _shape(question: Question, evidence: Evidence, unit: Unit) -> float:
    """Prefer compact units that name the concepts close together, in passages that were found first."""
    places = [place for concept in question.concepts if (place := unit.place(concept)) is not None]
    spread = (max(places) - min(places)) if len(places) > 1 else 0
    closeness = 1.0 + 0.1 * max(0.0, 1 - spread / 120) * (len(places) > 1)
    length = 1.0 - min(0.15, max(0, len(unit.text) - 150) / 3_000)
    stub = 0.7 if len(unit.text) < 12 else 1.0
    asked_back = 0.6 if unit.text.endswith("?") else 1.0
    return closeness * length * stub * asked_back * (1.0 + 0.06 / evidence.number)


def _answers(candidate: Candidate, question: Question) -> bool:
    if candidate.coverage < _COVERAGE_NEEDED or candidate.own < _OWN_SHARE_NEEDED:
        return False
    strong = [concept for concept in question.concepts if concept.is_strong] or list(question.concepts)
    own = max(
        max(candidate.unit.strength(concept), _in_heading(concept, candidate.evidence, candidate.at))
        for concept in strong
    )
    return own > 0
