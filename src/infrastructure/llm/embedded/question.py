"""What a question asks: its concepts with their weights, and what kind of answer would fit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from src.domains.chat.services.ports import PastMessage
from src.infrastructure.llm.embedded.vocabulary import asking_words, light_words, synonyms
from src.shared.language import Language, Term, analyze, detect_language, normalize

_LONGEST_QUESTION = 1_000
_MOST_CONCEPTS = 24
_WEIGHTS = {"noun": 1.0, "word": 1.0, "code": 1.2, "number": 0.6, "verb": 0.4, "adverb": 0.25}
_LIGHT_WEIGHT = 0.25
# What a follow-up takes over from the question before it counts less than what it says itself.
_INHERITED = 0.6
_SYNONYM = 0.8
_STRONG_FROM = 0.6


class Asks(Enum):
    """The kinds of answers that a question may want."""

    NUMBER = auto()
    DURATION = auto()
    MONEY = auto()
    TIME = auto()
    PERSON = auto()
    PLACE = auto()
    DEFINITION = auto()
    PERMISSION = auto()
    LIST = auto()


_SIGNS = {
    Asks.DURATION: r"며칠|몇\s?(?:일|달|개월|년|주|시간|분)|얼마\s?동안|얼마나\s?(?:오래|걸)|기간|얼마\s?만에|"
    r"\bhow long\b|\bhow many (?:\w+ )?(?:days?|weeks?|months?|years?|hours?|minutes?)\b|\bhow often\b|주기|얼마나\s?자주",
    Asks.MONEY: r"얼마(?!\s?(?:동안|나|만에))|몇\s?(?:만\s?)?원|금액|가격|비용|한도|요금|"
    r"\bhow much\b|\bcosts?\b|\bprice\b|\bbudget\b|\bamount\b",
    Asks.NUMBER: r"몇|얼마나|횟수|\bhow (?:many|big|large|far|old|tall|fast|much)\b|\bpercent(?:age)?\b|퍼센트|비율|"
    r"\bnumber of\b|\bwhat age\b",
    Asks.TIME: r"언제|몇\s?시|며칟날|날짜|기한|마감|몇\s?월|몇\s?년도|\bwhen\b|\bwhat (?:time|date|year|day|month)\b|"
    r"\bdeadline\b|\bby when\b|\bhow soon\b|\bwhich (?:year|day|month)\b",
    Asks.PERSON: r"누가|누구|누굴|담당자|어느\s?(?:팀|부서)|\bwho(?:m|se)?\b|\bwhich (?:team|person|department)\b",
    Asks.PLACE: r"어디|어느\s?곳|장소|위치|\bwhere\b|\bwhich (?:floor|room|building|office|city|country|state)\b",
    Asks.DEFINITION: r"(?:이란|란)\s*(?:\?|$|무엇|뭐|뭔)|무엇(?:인가|입니까|이에요|이죠)|뭐(?:야|예요|에요|죠|지)|"
    r"뭔가요|뜻|의미|정의|^what(?:'s| is| are| was| were) (?!the (?:best|average|number|maximum|cost|limit|deadline))|"
    r"\bdefin(?:e|ition)\b|\bmeaning of\b|\bwhat does .* (?:mean|stand for)\b",
    Asks.PERMISSION: r"(?:되나|될까|돼요|되요|가능|괜찮|해도|써도|있나요|있을까|있어요|안\s?되)|"
    r"^(?:can|may|could|am i|are we|is it|do i|do we|does|is there|are there|should|must)\b|\ballowed\b",
    Asks.LIST: r"종류|목록|뭐가|무엇이|무엇무엇|뭐뭐|어떤\s?것|어떤\s?게|준비물|서류|구성|항목|들은|절차|순서|"
    r"\bwhat (?:are|were)\b|\bwhich\b.*\bare\b|\blist\b|\bsteps?\b|\bexamples\b|\bwhat (?:\w+ )?documents\b",
}
_ASKS = {asks: re.compile(pattern, re.IGNORECASE) for asks, pattern in _SIGNS.items()}
_FOLLOW_UP = re.compile(
    r"^(?:그럼|그러면|그렇다면|그리고|그건|그거|그것|그게|그때|거기|그\s|이건|이거|또\s|또는|반대로|"
    r"and\b|what about|how about|then\b|so\b|but\b|also\b)|"
    r"\b(?:it|that|this|they|them|those|there)\b\s*\??$|^\S+(?:\s\S+)?(?:은|는)(?:요)?\s*\??$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Concept:
    """One thing that a question names. `forms` are the terms that stand for it, with how well they do."""

    forms: dict[str, float]
    surface: str
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

    @property
    def weight(self) -> float:
        return sum(concept.weight for concept in self.concepts)


def read_question(text: str, history: Sequence[PastMessage] = ()) -> Question:
    """Read a question; a short follow-up is read together with the question before it."""
    question = _read(text)
    earlier = next((message.content for message in reversed(history) if message.role == "user"), "")
    if not earlier or not _is_follow_up(question):
        return question
    before = _read(earlier)
    known = {form for concept in question.concepts for form in concept.forms}
    inherited = tuple(
        replace(concept, weight=concept.weight * _INHERITED)
        for concept in before.concepts
        if known.isdisjoint(concept.forms)
    )
    return replace(question, concepts=question.concepts + inherited, asks=question.asks or before.asks)


def _read(text: str) -> Question:
    text = normalize(text)[:_LONGEST_QUESTION].strip()
    asks = frozenset(kind for kind, sign in _ASKS.items() if sign.search(text))
    return Question(text, detect_language(text), _concepts(text), asks)


def _is_follow_up(question: Question) -> bool:
    strong = sum(concept.is_strong for concept in question.concepts)
    return strong == 0 or (strong <= 3 and bool(_FOLLOW_UP.search(question.text)))


def _concepts(text: str) -> tuple[Concept, ...]:
    concepts: dict[str, Concept] = {}
    for group in _groups(analyze(text)):
        for concept in _group_concepts(group, text):
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


def _group_concepts(group: list[Term], text: str) -> list[Concept]:
    surface = text[group[0].start : group[-1].end]
    head, others = group[0], group[1:]
    if head.kind == "number":
        # "3개월" fits "3개월" best, "3" a little.
        return [_concept({group[-1].text: 1.0, head.text: 0.6}, head, surface)]
    if others and head.kind == "code":
        return [_concept({part.text: 1.0, head.text: 1.0}, part, surface) for part in others]
    if others and others[0].text in head.text:
        # A word with a suffix ("회의실") is also half said by the word without it.
        return [_concept({head.text: 1.0, **{part.text: 0.6 for part in others}}, head, surface)]
    return [_concept({term.text: 1.0}, term, term.text) for term in group if term.text not in asking_words()]


def _concept(forms: dict[str, float], term: Term, surface: str) -> Concept:
    same = {
        synonym: _SYNONYM for form in forms for synonym in synonyms().get(form, ()) if synonym not in forms
    }
    weight = _LIGHT_WEIGHT if term.text in light_words() else _WEIGHTS[term.kind]
    is_name = term.kind in {"number", "code"} or (term.kind == "word" and not surface.islower())
    return Concept({**forms, **same}, surface.lower(), weight, is_name)
