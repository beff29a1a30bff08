"""Which unit of which passage answers the question, and whether any does."""

import math
import re
from dataclasses import dataclass

from src.infrastructure.llm.embedded.evidence import Evidence, Unit, UnitKind, is_hangul
from src.infrastructure.llm.embedded.naming import Naming
from src.infrastructure.llm.embedded.question import Concept, Question
from src.infrastructure.llm.embedded.signs import COUNTED, Asks, tells

# Below this share of what the question names, a unit is no answer.
_COVERAGE_NEEDED = 0.52
# A name that the passage does not know ("GitHub") makes it doubtful that the passage is about the question.
_UNKNOWN_NAME = 0.75
# A unit without any number does not tell how many, though it may name all else.
_UNFIT = 0.8
# Between a passage in the asker's language and one in another, the first is read more easily.
_OTHER_LANGUAGE = 0.7
# Nor is a unit that owes nearly all to its neighbours.
_SUBJECT_SHARE_NEEDED = 0.2

_FIT = 1.3
_NO_FIT = 0.8
_DEFINES = 1.4
_MOST_FITTING = 1.8
_FOUND_FIRST = 0.06

_IS_DEFINED = re.compile(
    r"(?:\)|이?란|은|는|:)\s|\b(?:is|are|was|were|means?|refers? to|stands for|defined as|known as|describes?)\b",
    re.IGNORECASE,
)
_DEFINITION_END = re.compile(
    r"(?:말한다|말합니다|뜻한다|뜻합니다|의미한다|의미합니다|이다|입니다|방식|개념|과정)\W*$"
)


@dataclass(frozen=True)
class Candidate:
    """A unit that may answer, with its score and what of the question it names itself."""

    evidence: Evidence
    at: int
    score: float
    covered: frozenset[str]

    @property
    def unit(self) -> Unit:
        return self.evidence.units[self.at]


def ranked(question: Question, evidence: list[Evidence]) -> list[Candidate]:
    """Return the units that answer the question, best first; none when the passages do not answer it."""
    namings = [[Naming(concept, one) for concept in question.concepts] for one in evidence]
    rarity = _rarity(namings)
    candidates: list[Candidate] = []
    for one, naming in zip(evidence, namings, strict=True):
        reading = _Reading(question, one, rarity, _askable(question, one, naming))
        candidates.extend(reading.candidates())
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _rarity(namings: list[list[Naming]]) -> dict[Concept, float]:
    """Weigh each concept by how few units name it (between 0.3 and 1)."""
    units = sum(len(naming[0].own) for naming in namings if naming)
    rarity = {}
    for of_concept in zip(*namings, strict=True):
        frequency = sum(naming.frequency for naming in of_concept)
        share = math.log((units + 1) / (frequency + 0.5)) / math.log((units + 1) / 0.5)
        rarity[of_concept[0].concept] = max(0.3, share)
    return rarity


def _askable(question: Question, evidence: Evidence, namings: list[Naming]) -> list[Naming]:
    """Reduce a question to names and numbers for a passage in the other language: nothing else can match."""
    if question.language == evidence.language:
        return namings
    is_korean = evidence.language == "ko"
    return [
        naming
        for naming in namings
        if naming.concept.is_name or is_hangul(naming.concept.surface) == is_korean
    ]


@dataclass(frozen=True)
class _Reading:
    """One passage, read with a question in mind. `namings` are those of the concepts that it could name."""

    question: Question
    evidence: Evidence
    rarity: dict[Concept, float]
    namings: list[Naming]

    def candidates(self) -> list[Candidate]:
        if not self.namings:
            return []
        return [
            self._candidate(at)
            for at, unit in enumerate(self.evidence.units)
            if unit.kind not in {UnitKind.HEADING, UnitKind.HEADER} and unit.text and self._answers(at)
        ]

    def _answers(self, at: int) -> bool:
        if self._coverage(at) < _COVERAGE_NEEDED or self._subject_share(at) < _SUBJECT_SHARE_NEEDED:
            return False
        strong = [naming for naming in self.namings if naming.concept.is_strong] or self.namings
        return any(naming.subject(at) > 0 for naming in strong)

    def _coverage(self, at: int) -> float:
        """Return the share of the question that the unit covers, less what makes it doubtful."""
        trust = 1.0 if _has_what_is_counted(self.question.asks, self.evidence.units[at]) else _UNFIT
        covered = 0.0
        for naming in self.namings:
            strength = naming.strength(at)
            covered += naming.concept.weight * strength
            if strength == 0 and naming.concept.is_name and naming.concept.weight >= 1.0:
                trust *= _UNKNOWN_NAME
        return trust * covered / self._weight

    def _subject_share(self, at: int) -> float:
        return sum(naming.concept.weight * naming.subject(at) for naming in self.namings) / self._weight

    @property
    def _weight(self) -> float:
        return sum(naming.concept.weight for naming in self.namings)

    def _candidate(self, at: int) -> Candidate:
        unit = self.evidence.units[at]
        weights = [naming.concept.weight * self.rarity[naming.concept] for naming in self.namings]
        named = sum(
            weight * naming.strength(at) for weight, naming in zip(weights, self.namings, strict=True)
        )
        concepts = [naming.concept for naming in self.namings]
        score = named / sum(weights) * _fitness(self.question.asks, concepts, unit)
        score *= _shape(concepts, unit) * (1.0 + _FOUND_FIRST / self.evidence.number)
        if self.evidence.language != self.question.language:
            score *= _OTHER_LANGUAGE
        covered = frozenset(naming.concept.surface for naming in self.namings if naming.own[at] > 0)
        return Candidate(self.evidence, at, score, covered)


def _fitness(asked: frozenset[Asks], concepts: list[Concept], unit: Unit) -> float:
    """Tell whether the unit holds what is asked for: a number, a sum, a date, somebody, a place."""
    fitting = sum(tells(unit.text, asks) for asks in asked)
    factor = _FIT**fitting * (1.0 if _has_what_is_counted(asked, unit) else _NO_FIT)
    if Asks.DEFINITION in asked and _defines(concepts, unit):
        factor *= _DEFINES
    return min(factor, _MOST_FITTING)


def _has_what_is_counted(asked: frozenset[Asks], unit: Unit) -> bool:
    """Whether the unit holds a number, a sum, a date or a code when the question asks for one."""
    counted = asked & COUNTED
    if Asks.MONEY in counted:
        return tells(unit.text, Asks.MONEY)
    return not counted or any(tells(unit.text, asks) for asks in counted)


def _defines(concepts: list[Concept], unit: Unit) -> bool:
    """Whether the unit begins with the subject of the question and says what it is."""
    strong = [concept for concept in concepts if concept.is_strong]
    places = [place for concept in strong if (place := unit.place(concept)) is not None]
    if not strong or len(places) < len(strong) or min(places) > 25:
        return False
    return bool(
        _IS_DEFINED.search(unit.text, min(places), max(places) + 60) or _DEFINITION_END.search(unit.text)
    )


def _shape(concepts: list[Concept], unit: Unit) -> float:
    """Prefer compact units that name the concepts close together."""
    places = [place for concept in concepts if (place := unit.place(concept)) is not None]
    spread = (max(places) - min(places)) if len(places) > 1 else 0
    closeness = 1.0 + 0.1 * max(0.0, 1 - spread / 120) * (len(places) > 1)
    length = 1.0 - min(0.25, max(0, len(unit.text) - 150) / 1_500)
    stub = 0.7 if len(unit.text) < 12 else 1.0
    asked_back = 0.6 if unit.text.endswith("?") else 1.0
    return closeness * length * stub * asked_back
