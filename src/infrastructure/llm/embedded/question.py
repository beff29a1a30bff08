"""What a question asks: its concepts with their weights, and what kind of answer would fit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from src.domains.chat.services.follow_ups import leans_on
from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.vocabulary import asking_words, light_words, synonyms
from src.infrastructure.llm.embedded.signs import Asks, asked_for
from src.shared.language import Language, Term, analyze, detect_language, normalize

_LONGEST_QUESTION = 1_000
_MOST_CONCEPTS = 24
_WEIGHTS = {"noun": 1.0, "word": 1.0, "code": 1.2, "number": 0.6, "verb": 0.5, "adverb": 0.25}
_LIGHT_WEIGHT = 0.25
_SYLLABLE_WEIGHT = 0.5
# What a follow-up takes over from the question before it counts less than what it says itself.
_INHERITED = 0.45
_SYNONYM = 0.8
_STRONG_FROM = 0.6


# What stands as an example for a kind of things need not be named by the passage.
_EXAMPLE = re.compile(
    r"\S+(?=\s?(?:같은|처럼)\s)|(?<=\blike )\S+|(?<=\bsuch as )\S+|(?<=\be\.g\. )\S+", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Concept:
    """One thing that a question names. `forms` are the terms that stand for it, with how well they do.

    `whole` is the word that it is a part of: the same letters in a passage are the same word, even where the
    dictionary cuts them differently ("경조금").
    """

    forms: dict[str, float]
    surface: str
    whole: str
    weight: float
    is_name: bool = False

    @property
    def is_strong(self) -> bool:
        """Whether a match of this concept says anything about the subject."""
        return self.weight >= _STRONG_FROM


@dataclass(frozen=True)
class Question:
    """A question as the ranking needs it."""

    text: str
    language: Language
    concepts: tuple[Concept, ...]
    asks: frozenset[Asks] = field(default_factory=frozenset)


def read_question(text: str, history: Sequence[PromptMessage] = ()) -> Question:
    """Read a question; a follow-up is read together with the questions that it leans on."""
    question = _read(text)
    for earlier in reversed(leans_on(history, text)):
        question = _with_earlier(question, _read(earlier))
    return question


def _with_earlier(question: Question, before: Question) -> Question:
    known = {form for concept in question.concepts for form in concept.forms}
    inherited = tuple(
        replace(concept, weight=concept.weight * _INHERITED)
        for concept in before.concepts
        if known.isdisjoint(concept.forms)
    )
    return replace(question, concepts=question.concepts + inherited, asks=question.asks or before.asks)


def _read(text: str) -> Question:
    text = normalize(text)[:_LONGEST_QUESTION].strip()
    return Question(text, detect_language(text), _concepts(text), asked_for(text))


def _concepts(text: str) -> tuple[Concept, ...]:
    concepts: dict[str, Concept] = {}
    groups = _groups(analyze(text))
    wholes = _wholes(groups, text)
    examples = [example.span() for example in _EXAMPLE.finditer(text)]
    for group, whole in zip(groups, wholes, strict=True):
        is_example = any(start <= group[0].start < end for start, end in examples)
        for concept in _group_concepts(group, text, whole):
            if is_example:
                concept = replace(concept, weight=_LIGHT_WEIGHT)
            concepts.setdefault(next(iter(concept.forms)), concept)
    return tuple(concepts.values())[:_MOST_CONCEPTS]


def _groups(terms: list[Term]) -> list[list[Term]]:
    """Put together the terms that stand at one place, and a number with its unit."""
    groups: list[list[Term]] = []
    for term in terms:
        if groups and _belongs_to(groups[-1], term):
            groups[-1].append(term)
        else:
            groups.append([term])
    return groups


def _belongs_to(group: list[Term], term: Term) -> bool:
    first = group[0]
    same_place = (first.start, first.end) == (term.start, term.end)
    return same_place or (first.kind == "number" == term.kind and term.start - group[-1].end <= 1)


def _wholes(groups: list[list[Term]], text: str) -> list[str]:
    """Return for each group the run of terms without a gap between them that it is a part of."""
    starts: list[int] = []
    for at, group in enumerate(groups):
        touches = at > 0 and groups[at - 1][-1].end == group[0].start and group[0].kind == "noun"
        starts.append(starts[-1] if touches else group[0].start)
    ends = {start: group[-1].end for start, group in zip(starts, groups, strict=True)}
    return [text[start : ends[start]].lower() for start in starts]


def _group_concepts(group: list[Term], text: str, whole: str) -> list[Concept]:
    surface = text[group[0].start : group[-1].end]
    head, others = group[0], group[1:]
    if head.text in asking_words():
        return []
    if head.kind == "number":
        # "3개월" fits "3개월" best, "3" a little.
        return [_concept({group[-1].text: 1.0, head.text: 0.6}, head, surface, whole)]
    if others and head.kind == "code":
        return [_concept({part.text: 1.0, head.text: 1.0}, part, surface, whole) for part in others]
    if others and head.text == surface:
        # A word with a suffix ("회의실") is also half said by the word without it.
        return [_concept({head.text: 1.0, **{part.text: 0.6 for part in others}}, head, surface, whole)]
    return [_concept({term.text: 1.0}, term, surface, whole) for term in group]


def _concept(forms: dict[str, float], term: Term, surface: str, whole: str) -> Concept:
    same = {
        synonym: _SYNONYM for form in forms for synonym in synonyms().get(form, ()) if synonym not in forms
    }
    is_name = term.kind in {"number", "code"} or (
        term.kind == "word" and _is_written_as_name(surface, term.start)
    )
    return Concept({**forms, **same}, surface.lower(), whole, _weight(term), is_name)


def _weight(term: Term) -> float:
    if term.text in light_words():
        return _LIGHT_WEIGHT
    # A single syllable is more often a slip of the dictionary than a word.
    is_syllable = term.kind == "noun" and len(term.text) == 1
    return _SYLLABLE_WEIGHT if is_syllable else _WEIGHTS[term.kind]


def _is_written_as_name(surface: str, start: int) -> bool:
    """The first word of a question is written with a capital anyway."""
    return (surface[1:] if start == 0 else surface).lower() != (surface[1:] if start == 0 else surface)
