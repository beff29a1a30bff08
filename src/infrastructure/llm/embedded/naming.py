"""Where a passage names what the question names: in a sentence itself, above it, beside it."""

from src.infrastructure.llm.embedded.evidence import Evidence
from src.infrastructure.llm.embedded.question import Concept

# How much of a concept counts that is not named in the unit itself but near it.
_IN_HEADING = 0.85
_IN_LEAD_IN = 0.8
_IN_LOCATION = 0.75
_IN_TITLE = 0.5
_IN_PREVIOUS = 0.5
_IN_NEXT = 0.35
_IN_PASSAGE = 0.3


class Naming:
    """How well each unit of a passage, and what stands around it, names one concept (0 to 1)."""

    def __init__(self, concept: Concept, evidence: Evidence) -> None:
        self.concept = concept
        self._units = evidence.units
        self.own = [unit.strength(concept) for unit in evidence.units]
        self._location = _IN_LOCATION * evidence.location.strength(concept)
        # What holds for the whole passage, and so for each of its units.
        self._everywhere = max(
            _IN_TITLE * evidence.title.strength(concept), _IN_PASSAGE * max(self.own, default=0.0)
        )

    @property
    def frequency(self) -> int:
        return sum(strength > 0 for strength in self.own)

    def subject(self, at: int) -> float:
        """Tell how well the unit or the headings over it name the concept."""
        heading = self._units[at].heading
        over = _IN_HEADING * self.own[heading] if heading is not None else 0.0
        return max(self.own[at], over, self._location)

    def strength(self, at: int) -> float:
        """Tell how well the unit names the concept, with all that stands around it."""
        lead_in = self._units[at].lead_in
        announced = _IN_LEAD_IN * self.own[lead_in] if lead_in is not None else 0.0
        before = _IN_PREVIOUS * self.own[at - 1] if at else 0.0
        after = _IN_NEXT * self.own[at + 1] if at + 1 < len(self.own) else 0.0
        return max(self.subject(at), announced, before, after, self._everywhere)
