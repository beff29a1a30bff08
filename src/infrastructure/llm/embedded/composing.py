"""From ranked units to the words of an answer, each piece with its citation."""

import re

from src.infrastructure.llm.embedded.evidence import Evidence, UnitKind
from src.infrastructure.llm.embedded.question import Question
from src.infrastructure.llm.embedded.ranking import Candidate
from src.infrastructure.llm.embedded.signs import Asks

_MOST_PIECES = 3
_MOST_ITEMS = 8
_LONGEST_PIECE = 420
# A further unit is worth reading when it scores nearly as well as the best.
_WORTH_ADDING = 0.87
_LEANS_BACK = re.compile(
    r"^(?:이는|이를|이때|이 경우|이에|이러한|그러나|그 외|그런데|또한|단,|다만|해당|위 |위의|그는|그녀는|따라서|그래서|"
    r"하지만|반면|(?:It|They|This|These|Those|He|She|However|But|Otherwise|In (?:this|that|these) case|Its|"
    r"Their|That|Then|Therefore|Also)\b)"
)
_EXCEPTION = re.compile(r"^(?:다만|단,|단 |However,|Exceptions?:)")
_ITEMS = frozenset({UnitKind.ITEM, UnitKind.ROW})


def compose(question: Question, candidates: list[Candidate]) -> str:
    """Write the answer: the best unit with what it leans on, then further ones that add something."""
    best = candidates[0]
    taken: list[tuple[Evidence, list[int]]] = [(best.evidence, _with_context(question, best, candidates))]
    for other in candidates[1:]:
        if _count(taken) >= _MOST_PIECES or other.score < best.score * _WORTH_ADDING:
            break
        if other.evidence.language == best.evidence.language and not _is_taken(other, taken):
            taken.append((other.evidence, _with_context(question, other, candidates)))
    return "\n".join(_piece(question, evidence, places) for evidence, places in _merged(taken))


def _count(taken: list[tuple[Evidence, list[int]]]) -> int:
    return sum(len(places) for _, places in taken)


def _is_taken(candidate: Candidate, taken: list[tuple[Evidence, list[int]]]) -> bool:
    """The same words from another passage, or words within what is taken, add nothing."""
    squeezed = candidate.unit.squeezed
    known = [evidence.units[at].squeezed for evidence, places in taken for at in places]
    return any(squeezed in one or one in squeezed for one in known)


def _merged(taken: list[tuple[Evidence, list[int]]]) -> list[tuple[Evidence, list[int]]]:
    """Put the pieces of one passage together, in the order of the document."""
    by_number: dict[int, tuple[Evidence, set[int]]] = {}
    for evidence, places in taken:
        by_number.setdefault(evidence.number, (evidence, set()))[1].update(places)
    return [(evidence, sorted(places)) for evidence, places in by_number.values()]


def _with_context(question: Question, candidate: Candidate, candidates: list[Candidate]) -> list[int]:
    units, at = candidate.evidence.units, candidate.at
    if candidate.unit.announces:
        return [at, *_list_under(candidate.evidence, at)]
    if _wants_whole_list(question, candidate, candidates):
        lead_in = candidate.unit.lead_in or 0
        return [lead_in, *_list_under(candidate.evidence, lead_in)]
    places = [at]
    if at and units[at - 1].kind is UnitKind.SENTENCE and _LEANS_BACK.match(candidate.unit.text):
        places.insert(0, at - 1)
    if (
        at + 1 < len(units)
        and units[at + 1].kind is UnitKind.SENTENCE
        and _EXCEPTION.match(units[at + 1].text)
    ):
        places.append(at + 1)
    return places


def _list_under(evidence: Evidence, lead_in: int) -> list[int]:
    """Return the places of the items or rows that a line announces, a table's behind its header."""
    under = {lead_in} | {at for at, unit in enumerate(evidence.units) if unit.lead_in == lead_in}
    items = [at for at, unit in enumerate(evidence.units) if unit.lead_in in under and unit.kind in _ITEMS]
    return items[:_MOST_ITEMS]


def _wants_whole_list(question: Question, candidate: Candidate, candidates: list[Candidate]) -> bool:
    """An item whose list is what was asked for: no item fits much better than the others."""
    if (
        candidate.unit.kind is not UnitKind.ITEM
        or candidate.unit.lead_in is None
        or Asks.LIST not in question.asks
    ):
        return False
    return not candidate.covered or any(
        other.unit.lead_in == candidate.unit.lead_in
        and other.evidence is candidate.evidence
        and other.at != candidate.at
        and other.covered >= candidate.covered
        for other in candidates
    )


def _piece(question: Question, evidence: Evidence, places: list[int]) -> str:
    lines: list[str] = []
    for at in places:
        unit = evidence.units[at]
        text = _clipped(unit.text, question)
        if unit.kind in _ITEMS and len(places) > 1:
            lines.append(f"- {text}")
        elif lines and not lines[-1].startswith("- "):
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    lines[-1] += f" [{evidence.number}]"
    return "\n".join(lines)


def _clipped(text: str, question: Question) -> str:
    """Cut an overlong unit (a page without end marks) to the words around what was asked."""
    if len(text) <= _LONGEST_PIECE:
        return text
    lowered = text.lower()
    found = [
        at
        for concept in question.concepts
        if concept.is_strong and (at := lowered.find(concept.surface)) >= 0
    ]
    start = max(0, min(found, default=0) - _LONGEST_PIECE // 4)
    start = text.rfind(" ", 0, start) + 1 if start else 0
    end = text.rfind(" ", start + 1, start + _LONGEST_PIECE)
    piece = text[start : end if end > start else start + _LONGEST_PIECE]
    return f"{'… ' if start else ''}{piece} …"
