"""Whether an answer rests on the passages that it cites: computed from its text, not believed.

Nobody reads for meaning here. What is checked is what a reader checks first: that most of the answer has a source,
that the numbers and names in it stand there, and that the words of the cited sentences do. An invented
statement that is made of a passage's own words and numbers is not found out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from src.domains.chat.services.citations import Citation
from src.domains.chat.services.follow_ups import subjects
from src.domains.chat.services.quantities import Quantities, claimed_quantities
from src.domains.chat.services.vocabulary import synonyms
from src.shared.language import Language, detect_language, normalize, split_sentences

_READ = 4_000
_CITED_SHARE = 0.5
"""Of the sentences that say something, at least so many need a source."""
_ANSWER_TERMS = 0.5
_SENTENCE_TERMS = 0.3
"""Of what the cited sentences name, all together and one by one, at least so much is in the passages."""
_FEW_TERMS = 3
# A capital at the beginning makes no name.
_SENTENCE_START = 2

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_MARK = re.compile(r"\s?\[(\d{1,3})\]")
_MARKS = re.compile(rf"(?:{_MARK.pattern})+")
_END_BEFORE_MARKS = re.compile(r"(?<![.!?。…:])([.!?。…:]+[\"'”’)*]*)((?:\s?\[\d{1,3}\])+)")
_ITEM = re.compile(r"^\s*(?:[-*+•·]|\(?\d{1,2}[.)](?=\s)|[①-⑳])\s*", re.MULTILINE)
_ROW = re.compile(r"^\s*\|")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_ANNOUNCES = re.compile(r"(?::|(?:다음|아래)과? 같습니다\.?|as follows\.?)[\s*]*$", re.IGNORECASE)
_ASIDE = re.compile(
    r"\?\s*$|궁금|말씀해 ?주세요|물어보세요|도움이 되|문의해 ?주세요|원문을 그대로|"
    r"let me know|feel free|hope (?:this|that)|happy to help|original wording",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:문서|자료|출처|안내서|규정|검색 결과)(?:들)?(?:에서?는?|만으로는|상)\s.{0,60}"
    r"(?:없(?:습니다|어요|네요)|않(?:습니다|아요|네요))|"
    r"(?:내용|정보|언급|설명|답변?)\S?\s?(?:없(?:습니다|어요|네요)|찾(?:지 못|을 수 없)|확인(?:되지 않|할 수 없)|"
    r"(?:나와|포함되어|명시되어|언급되어) 있지 않)|"
    r"\b(?:documents?|sources?|handbook|passages?|information|text)\b.{0,40}"
    r"\b(?:do|does|did)(?:n['’]t| not)\s(?:say|mention|tell|contain|specify|provide|state|cover|include|answer)|"
    r"\b(?:could|can|did|was|were)(?:n['’]t|not| not)(?: able to)?\s(?:find|locate)|\bfound no\b|"
    r"\bno (?:information|mention|answer)\b|\bnot (?:mentioned|specified|stated|covered)\b",
    re.IGNORECASE,
)
_CODE_NAME = re.compile(r"(?<![\w.@-])(?:[\w.+-]+@[\w.-]+\w|[a-z]{1,4}-?\d+\w*)", re.ASCII | re.IGNORECASE)
_WORD_NAME = re.compile(r"(?<![\w.@-])[a-z]{4,}(?![\w@])", re.ASCII | re.IGNORECASE)


def is_grounded(answer: str, citations: Sequence[Citation]) -> bool:
    """Tell whether what an answer says is borne out by the passages that it cites.

    It cites at least one; at least half of its sentences have a source; every number is in the passages, with the
    same unit where both have one; so is every name in Latin letters in a sentence of a language without them; and
    so is enough of what the cited sentences name, where passage and sentence are in one language.
    To say that the documents do not tell is honest, but rests on nothing.
    """
    sources = {citation.index: _Source(citation) for citation in citations}
    claims = [claim for claim in _claims(answer[:_READ]) if not _REFUSAL.search(claim.text)]
    cited = [claim for claim in claims if claim.marks & sources.keys()]
    if not cited or len(cited) < len(claims) * _CITED_SHARE:
        return False
    return all(_figures_stand(claim, sources) for claim in claims) and _words_stand(cited, sources)


@dataclass(frozen=True)
class _Claim:
    """A sentence, list item or table row that says something, and the sources that it names."""

    text: str
    marks: frozenset[int]

    @cached_property
    def language(self) -> Language:
        return detect_language(self.text)

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(term for term in subjects(self.text) if not term[:1].isdigit())

    @property
    def counts(self) -> bool:
        """Whether it needs a source: a bare "yes" does not, but may have one."""
        if not re.search(r"\w", self.text):
            return False
        return bool(self.marks or self.terms or re.search(r"\d", self.text))


class _Source:
    """A cited passage, ready to be looked into."""

    def __init__(self, citation: Citation) -> None:
        text = _ITEM.sub("", f"{citation.title}\n{citation.location}\n{citation.text}")
        self.language = detect_language(citation.text)
        self.quantities = Quantities.of(text)
        self._lowered = normalize(text).lower()
        self._squeezed = "".join(self._lowered.split())

    def names(self, term: str) -> bool:
        """Whether the term, or one that means the same, is in the passage."""
        return self._has(term) or any(self._has(other) for other in synonyms().get(term, ()))

    def _has(self, term: str) -> bool:
        if not term.isascii():
            return term.removesuffix("다") in self._squeezed
        # A stem ends in "i" where the word has "y".
        return bool(re.search(rf"\b{re.escape(term[:-1] if term.endswith('i') else term)}", self._lowered))


def _claims(answer: str) -> Iterator[_Claim]:
    text = _END_BEFORE_MARKS.sub(r"\2\1", _CODE.sub(" ", answer))
    for block in _blocks(text):
        units = split_sentences(block)
        for unit, marks in zip(units, _marks(units), strict=True):
            if not _is_form(unit):
                yield from (part for part in _parts(_ITEM.sub("", unit), marks) if part.counts)


def _parts(unit: str, marks: frozenset[int]) -> Iterator[_Claim]:
    """Yield the parts of a sentence that end with marks of their own; what is left has the marks of all."""
    start = 0
    for group in _MARKS.finditer(unit):
        named = frozenset(int(number) for number in _MARK.findall(group[0]))
        yield _Claim(unit[start : group.start()].strip(), named)
        start = group.end()
    yield _Claim(unit[start:].strip(), marks)


def _blocks(text: str) -> list[str]:
    """Return the paragraphs, each with the list or table that it announces."""
    blocks: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if blocks and (_ITEM.match(paragraph) or _ROW.match(paragraph)):
            blocks[-1] += f"\n{paragraph}"
        else:
            blocks.append(paragraph)
    return blocks


def _marks(units: Sequence[str]) -> list[frozenset[int]]:
    """Return for each unit the sources that it names.

    A mark stands for the sentences before it in its paragraph too; and one in front of a list for its items.
    """
    own = [frozenset(int(number) for number in _MARK.findall(unit)) for unit in units]
    behind: frozenset[int] = frozenset()
    marks: list[frozenset[int]] = []
    for named in reversed(own):
        behind = named or behind
        marks.insert(0, behind)
    last: frozenset[int] = frozenset()
    for at, unit in enumerate(units):
        last = own[at] or last
        if not marks[at] and (_ITEM.match(unit) or _ROW.match(unit)):
            marks[at] = last
    return marks


def _is_form(unit: str) -> bool:
    """Whether a unit says nothing itself: a heading, an announcement, a word to the reader."""
    plain = _MARK.sub("", unit)
    return bool(_HEADING.match(plain) or _ANNOUNCES.search(plain) or _ASIDE.search(plain))


def _figures_stand(claim: _Claim, sources: Mapping[int, _Source]) -> bool:
    """Whether numbers and names are in the passages: in those it names, in any of them when it names none."""
    passages = [sources[index] for index in claim.marks & sources.keys()] or list(sources.values())
    numbers = claimed_quantities(claim.text)
    return all(
        any(passage.quantities.bear_out(number) for passage in passages) for number in numbers
    ) and all(any(passage.names(name) for passage in passages) for name in _names(claim, passages))


def _names(claim: _Claim, passages: Sequence[_Source]) -> Iterator[str]:
    """Yield codes and addresses; words in Latin letters in Korean; in English what has a capital.

    An English sentence writes the names of a Korean passage in other letters.
    """
    yield from (found[0].lower() for found in _CODE_NAME.finditer(claim.text))
    if claim.language == "en" and any(passage.language == "ko" for passage in passages):
        return
    for found in _WORD_NAME.finditer(claim.text):
        is_name = found[0][0].isupper() and found.start() > _SENTENCE_START
        if claim.language == "ko" or is_name:
            yield found[0].lower()


def _words_stand(cited: Sequence[_Claim], sources: Mapping[int, _Source]) -> bool:
    """Whether enough of what the sentences name is in their passages; across languages nothing can be told."""
    found = named = 0
    for claim in cited:
        passages = [sources[index] for index in claim.marks & sources.keys()]
        if any(passage.language != claim.language for passage in passages):
            continue
        here = sum(any(passage.names(term) for passage in passages) for term in claim.terms)
        if len(claim.terms) > _FEW_TERMS and here < len(claim.terms) * _SENTENCE_TERMS:
            return False
        found, named = found + here, named + len(claim.terms)
    return found >= named * _ANSWER_TERMS
