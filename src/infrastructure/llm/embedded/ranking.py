"""Which unit of which passage answers the question, and whether any does."""

import math
import re
from dataclasses import dataclass

from src.infrastructure.llm.embedded.evidence import Evidence, Unit, UnitKind, is_hangul
from src.infrastructure.llm.embedded.question import Concept, Question
from src.infrastructure.llm.embedded.signs import COUNTED, Asks, tells

# How much of a concept counts that is not named in the unit itself but near it.
_IN_HEADING = 0.85
_IN_LEAD_IN = 0.8
_IN_LOCATION = 0.75
_IN_TITLE = 0.5
_IN_PREVIOUS = 0.5
_IN_NEXT = 0.35
_IN_PASSAGE = 0.3

# Below this share of what the question names, a unit is no answer.
_COVERAGE_NEEDED = 0.52
# A name that the passage does not know ("GitHub") makes it doubtful that the passage is about the question.
_UNKNOWN_NAME = 0.75
# A unit without any number does not tell how many, though it may name all else.
_UNFIT = 0.8
# Between a passage in the asker's language and one in another, the first is read more easily.
_OTHER_LANGUAGE = 0.7
_OWN_SHARE_NEEDED = 0.2

_FIT = 1.3
_NO_FIT = 0.8
_DEFINES = 1.4

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
    is_korean = evidence.language == "ko"
    names = tuple(one for one in question.concepts if one.is_name or is_hangul(one.surface) == is_korean)
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
    trust = 1.0 if _has_what_is_counted(question, unit) else _UNFIT
    covered = set()
    for concept in question.concepts:
        own = unit.strength(concept)
        strength = max(own, _near(concept, evidence, at), _IN_PASSAGE * anywhere[concept.surface])
        own_sum += concept.weight * max(own, _in_heading(concept, evidence, at))
        covered_sum += concept.weight * strength
        score_sum += concept.weight * rarity[concept.surface] * strength
        score_of += concept.weight * rarity[concept.surface]
        if concept.is_name and concept.weight >= 1.0 and strength == 0:
            trust *= _UNKNOWN_NAME
        if own > 0:
            covered.add(concept.surface)
    score = score_sum / score_of * _fitness(question, unit) * _shape(question, evidence, unit)
    if evidence.language != question.language:
        score *= _OTHER_LANGUAGE
    weight = question.weight
    return Candidate(evidence, at, score, trust * covered_sum / weight, own_sum / weight, frozenset(covered))


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
    fitting = sum(tells(unit.text, asks) for asks in question.asks)
    factor = _FIT**fitting * (1.0 if _has_what_is_counted(question, unit) else _NO_FIT)
    if Asks.DEFINITION in question.asks and _defines(question, unit):
        factor *= _DEFINES
    return min(factor, 1.8)


def _has_what_is_counted(question: Question, unit: Unit) -> bool:
    """Whether the unit holds a number, a sum, a date or a code when the question asks for one."""
    counted = question.asks & COUNTED
    if Asks.MONEY in counted:
        return tells(unit.text, Asks.MONEY)
    return not counted or any(tells(unit.text, asks) for asks in counted)


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
    length = 1.0 - min(0.25, max(0, len(unit.text) - 150) / 1_500)
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
