"""How a text is read: its language, the terms it is found by, its sentences. Korean and English.

The search index and the embedded model share this page, so that a question and a document are cut alike.
Korean is cut into morphemes (mecab), English into stems (snowball). All offsets refer to `normalize(text)`.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import snowballstemmer
from mecab import MeCab
from mecab.utils import create_lattice

Language = Literal["ko", "en"]
TermKind = Literal["noun", "verb", "adverb", "number", "code", "word"]

# No term is longer: a run of a megabyte without a space is no word that somebody searches by.
_LONGEST_TERM = 40
# Mecab holds the interpreter while it works on a piece; pieces of this length keep that below some 20 ms.
_PIECE = 800
# No Korean word has as many syllables: what is longer has lost its spaces, and is cut into bigrams.
_LONGEST_HANGUL_RUN = 60

_HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]")
_LONG_HANGUL = re.compile(rf"[가-힣]{{{_LONGEST_HANGUL_RUN},}}")
_LETTER = r"[^\W_가-힣ㄱ-ㅎㅏ-ㅣ]"
_RUN = re.compile(rf"{_LETTER}+(?:(?:[-_./@&+'’]|(?<=\d),(?=\d)){_LETTER}+)*")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_CONTRACTION = re.compile(r"(?:n['’]t|['’][a-z]{1,2})$")


def word_set(words: str) -> frozenset[str]:
    """Read a list of words kept as lines of text."""
    return frozenset(words.split())


_FUNCTION_WORDS = word_set(
    """
    a about above after again all also am an and any are as at be because been before being below between
    both but by can could did do does doing down during each else every few for from further get had has have
    having he her here hers him his how i if in into is it its just let may me might mine more most much many must
    my no nor not of off on once only or other our ours out over own please shall she should so some such than
    that the their theirs them then there these they this those through to too under until up upon us very was we
    were what when where whether which while who whom whose why will with within without would yes you your
    yours wo ca sha
    """
)

_NOUN_TAGS = frozenset({"NNG", "NNP", "NR", "XR", "SH"})
_POWERS_OF_TEN = {"천": 1_000, "만": 10_000, "억": 100_000_000}
_VERB_TAGS = frozenset({"VV", "VA"})
# Verbs that say nothing by themselves: to do, to become, to be, to be there, to be like, to give, to see.
_LIGHT_VERBS = word_set("하 되 있 이 같 주 보 그러 이러 어떠 어떻 그렇 이렇")


# Other names of one and the same word: whoever writes one must find the other, so each is indexed as the last.
_SAME_WORD = {
    **dict.fromkeys(("비번", "패스워드", "암호"), ("비밀", "번호")),
    **dict.fromkeys(("월급", "임금", "봉급"), ("급여",)),
    **dict.fromkeys(("휴대폰", "핸드폰"), ("휴대", "전화")),
    **dict.fromkeys(("랩톱", "랩탑"), ("노트북",)),
    **dict.fromkeys(("와이파이",), ("wifi",)),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a text and where it stands. A compound and its parts stand at the same place."""

    text: str
    start: int
    end: int
    kind: TermKind


def normalize(text: str) -> str:
    """Return the text with one form for each character (NFKC): for wide letters, ligatures, split Hangul."""
    return unicodedata.normalize("NFKC", text)


def detect_language(text: str) -> Language:
    """Tell whether a text is Korean or English: English sentences may hold a Korean word and the reverse."""
    words = normalize(text)[:5000].split()
    korean = sum(1 for word in words if _HANGUL.search(word))
    if korean == 0:
        return "en"
    if korean * 2 >= len(words):
        return "ko"
    has_english_grammar = any(word.strip(".,?!\"'()").lower() in _FUNCTION_WORDS for word in words)
    return "en" if has_english_grammar else "ko"


def search_terms(text: str) -> list[str]:
    """Return the terms that a text is indexed and searched by, in order, repeated as they occur.

    A compound gives its parts, so "재택근무" and "재택 근무" meet; a code gives itself without separators and
    its parts, so "GPT-4o", "gpt 4o" and "GPT4o" meet; a number gives itself and itself with its unit.
    """
    return [term.text for term in analyze(text)]


def analyze(text: str) -> list[Term]:
    """Return the search terms of a text with their places and kinds, in order."""
    text = normalize(text)
    terms: list[Term] = []
    for start, end, is_long_hangul in _pieces(text):
        if is_long_hangul:
            terms.extend(_bigrams(text[start:end], start))
        else:
            terms.extend(_piece_terms(text[start:end], start))
    return terms


def _pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, is an overlong run of Hangul), cutting at white space where there is some."""
    position = 0
    for run in _LONG_HANGUL.finditer(text):
        yield from ((start, end, False) for start, end in _cut(text, position, run.start()))
        yield run.start(), run.end(), True
        position = run.end()
    yield from ((start, end, False) for start, end in _cut(text, position, len(text)))


def _cut(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min(start + _PIECE, stop)
        if end < stop:
            space = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
            end = space if space > 0 else end
        yield start, end
        start = end


def _piece_terms(piece: str, offset: int) -> list[Term]:
    runs = list(_RUN.finditer(piece))
    terms = [
        Term(text, offset + run.start(), offset + run.end(), kind)
        for run in runs
        for text, kind in _run_terms(run.group(), bool(_HANGUL.match(piece, run.end())))
    ]
    if _HANGUL.search(piece):
        terms.extend(_with_bigrams(_morpheme_terms(piece, offset, runs)))
        terms.sort(key=lambda term: term.start)
    return terms


def _morpheme_terms(piece: str, offset: int, runs: list[re.Match[str]]) -> Iterator[Term]:
    """Yield the terms of the morphemes outside the runs, and numbers with their units ("15일", "10만 원")."""
    covered = {place for run in runs for place in range(run.start(), run.end())}
    numbers = {run.end(): run.group()[:_LONGEST_TERM] for run in runs if _NUMBER.fullmatch(run.group())}
    for start, end, feature in _korean().morphemes(piece):
        if start in covered:
            continue
        surface, tag = piece[start:end], feature.partition(",")[0]
        number = numbers.get(start) or numbers.get(start - 1)
        if number and surface in _POWERS_OF_TEN:
            numbers[end] = _multiply(number, _POWERS_OF_TEN[surface])
            yield Term(numbers[end], offset + start, offset + end, "number")
        elif tag != "NNBC":
            for text, kind in _content_terms(surface, feature):
                yield Term(text, offset + start, offset + end, kind)
        elif number:
            yield Term(
                (number.replace(",", "") + surface)[:_LONGEST_TERM], offset + start, offset + end, "number"
            )


def _with_bigrams(terms: Iterable[Term]) -> Iterator[Term]:
    """Cut a row of single syllables into bigrams: the dictionary did not know the word ("임베딩")."""
    row: list[Term] = []
    for term in terms:
        is_syllable = term.kind == "noun" and len(term.text) == 1
        if row and not (is_syllable and row[-1].end == term.start):
            yield from _row_terms(row)
            row = []
        if is_syllable:
            row.append(term)
        else:
            yield term
    yield from _row_terms(row)


def _row_terms(row: list[Term]) -> list[Term]:
    return _bigrams("".join(term.text for term in row), row[0].start) if len(row) > 1 else row


def _multiply(number: str, factor: int) -> str:
    """Write "150만" as "1500000", the way it stands in a table."""
    return str(round(float(number.replace(",", "")[:15]) * factor))


@lru_cache(maxsize=65_536)
def _run_terms(run: str, before_hangul: bool) -> tuple[tuple[str, TermKind], ...]:
    """Read a run of letters, digits and separators: a number, a word, or a code with its parts."""
    if len(run) == 1 and before_hangul and run.isalpha():
        return ((run.lower(), "code"),)  # the "A" of "A동" is a name, not an article
    if _NUMBER.fullmatch(run):
        return ((run.replace(",", "")[:_LONGEST_TERM], "number"),)
    run = _CONTRACTION.sub("", run) if "'" in run or "’" in run else run
    parts = [part for part in re.split(r"[-_./@&+'’,]", run) if part]
    if len(parts) == 1:
        return _word_terms(parts[0])
    whole: tuple[tuple[str, TermKind], ...] = (("".join(parts).lower()[:_LONGEST_TERM], "code"),)
    return whole + tuple(term for part in parts for term in _word_terms(part))


def _word_terms(word: str) -> tuple[tuple[str, TermKind], ...]:
    lowered = word.lower()[:_LONGEST_TERM]
    if lowered.isdigit():
        return ((lowered, "number"),)
    if any(character.isdigit() for character in lowered):
        return ((lowered, "code"),)
    # "IT" and "US" in capitals are names, not pronouns.
    if lowered in _FUNCTION_WORDS and (len(word) == 1 or not word.isupper()):
        return ()
    return ((_stem(lowered), "word"),)


@lru_cache(maxsize=65_536)
def _content_terms(surface: str, feature: str) -> tuple[tuple[str, TermKind], ...]:
    """Read one morpheme of mecab. `feature` is its row: tag, ..., type, first tag, last tag, expression."""
    fields = feature.split(",")
    tag = fields[0].partition("+")[0]
    if tag == "UNKNOWN":
        return tuple((term.text, term.kind) for term in _bigrams(surface, 0))
    expression = fields[7] if len(fields) > 7 and fields[7] != "*" else ""
    lemma = expression.partition("/")[0] or surface
    if tag in _VERB_TAGS:
        # The ending of the dictionary form keeps verbs apart from nouns that look alike.
        return () if lemma in _LIGHT_VERBS else ((lemma + "다", "verb"),)
    if tag == "MAG" and len(surface) > 1:
        return ((surface, "adverb"),)
    if tag not in _NOUN_TAGS:
        return ()
    if fields[4] == "Compound":
        return _compound_terms(surface, [part.partition("/")[0] for part in expression.split("+")])
    return _nouns(lemma if fields[4] == "Inflect" else surface)


def _compound_terms(surface: str, parts: list[str]) -> tuple[tuple[str, TermKind], ...]:
    """A compound of words gives these words; one with a syllable as suffix gives itself and its words."""
    if surface in _SAME_WORD:
        return _nouns(surface)
    words = [part for part in parts if len(part) > 1]
    whole = () if len(words) == len(parts) else ((surface, "noun"),)
    return (*whole, *(term for word in words for term in _nouns(word)))


def _nouns(word: str) -> tuple[tuple[str, TermKind], ...]:
    return tuple((term, "noun") for term in _SAME_WORD.get(word, (word[:_LONGEST_TERM],)))


def _bigrams(run: str, offset: int) -> list[Term]:
    if len(run) < 2:
        return [Term(run, offset, offset + len(run), "noun")] if _HANGUL.match(run) else []
    return [Term(run[at : at + 2], offset + at, offset + at + 2, "noun") for at in range(len(run) - 1)]


class _Tagger(MeCab):  # type: ignore[misc]  # mecab has no types
    """Mecab without the object that its `parse` makes for every field: it takes half the time."""

    def morphemes(self, text: str) -> Iterator[tuple[int, int, str]]:
        lattice: Any = create_lattice(text)
        self._tagger.parse(lattice)
        for (start, end), node in lattice:
            yield start, end, node.feature


@cache
def _korean() -> _Tagger:
    """Load the dictionary once, when the first Korean text comes.

    All threads share it: a parse keeps its state in a lattice of its own (the tagger's `parse(lattice)` is
    const and documented as safe), unlike mecab's older calls on a string.
    """
    return _Tagger()


# A snowball stemmer keeps the word it works on in itself, so every thread has its own.
_stemmers = threading.local()


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    if not hasattr(_stemmers, "english"):
        _stemmers.english = snowballstemmer.stemmer("english")
    return str(_stemmers.english.stemWord(word))


# Sentences: a rule for each way in which a text is set, then the marks that end a sentence in a paragraph.

_LIST_ITEM = re.compile(
    r"\s*(?:[-*+•·◦○▪‣※◆■□▶]|\(?\d{1,2}[.)]|[①-⑳]|[가나다라마바사아자차카타파하][.)]|\([가-하]\))\s+\S"
)
_BULLETLESS_ITEM = re.compile(r"\s*[•◦○▪‣①-⑳◆■□▶]\S")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+\S")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$")
_TABLE_RULE_SIGNS = frozenset("|-:= \t")
_SENTENCE_END = re.compile(
    r"(?<![.!?。…])[.!?。…]+[\"'”’»)\]]*(?=\s)|(?<=[가-힣][다요죠까음함됨임])[.!?]+(?=[가-힣\"'“(\[])"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“])(?:[A-Za-z]|[A-Z]\.[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|Nos|Fig|vs|"
    r"cf|etc|approx|ca|Inc|Ltd|Co|Corp|Dept|Tel|Ext|ext|tel|Art|Sec|Vol|pp?|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|"
    r"Nov|Dec)\.$"
)
_DATE = re.compile(r"(?:\d{4}|['’]\d{2})\.\s?(?:\d{1,2}\.\s?)?(?:\d{1,2}\.)?$|\d{1,2}\.\s\d{1,2}\.$")
_LONGEST_ABBREVIATION = 14


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences; a list item, a table row and a heading are each a unit of their own.

    Lines that only wrap a paragraph are joined. Abbreviations, decimals and dates do not end a sentence.
    """
    units: list[str] = []
    for block in _blocks(text):
        if _TABLE_ROW.match(block) or _HEADING.match(block) or _is_item(block):
            units.append(block)
        else:
            units.extend(_sentences(block))
    return units


def _blocks(text: str) -> Iterator[str]:
    """Yield paragraphs (their lines joined), list items (with the lines that go on), table rows, headings."""
    lines: list[str] = []
    for line in text.splitlines():
        stands_alone = bool(_TABLE_ROW.match(line) or _HEADING.match(line))
        if (not line.strip() or stands_alone or _is_item(line)) and lines:
            yield " ".join(lines)
            lines = []
        if stands_alone and not _TABLE_RULE_SIGNS.issuperset(line):
            yield line.strip()
        elif line.strip() and not stands_alone:
            lines.append(line.strip())
    if lines:
        yield " ".join(lines)


def _is_item(line: str) -> bool:
    return bool(_LIST_ITEM.match(line) or _BULLETLESS_ITEM.match(line))


def _sentences(paragraph: str) -> Iterator[str]:
    start = 0
    for mark in _SENTENCE_END.finditer(paragraph):
        if _ends_sentence(paragraph, mark):
            yield paragraph[start : mark.end()].strip()
            start = mark.end()
    if rest := paragraph[start:].strip():
        yield rest


def _ends_sentence(paragraph: str, mark: re.Match[str]) -> bool:
    if mark.group()[0] != ".":
        return True
    following = paragraph[mark.end() : mark.end() + 4].lstrip()[:1]
    if following.islower() or following in {",", ";", ")"}:
        return False
    before = paragraph[max(0, mark.start() + 1 - _LONGEST_ABBREVIATION) : mark.start() + 1]
    if _ABBREVIATION.search(before) and not (
        before.endswith(("etc.", "Inc.", "Ltd.", "Corp.")) and following.isupper()
    ):
        return False
    is_enumerator = mark.start() <= 2 and paragraph[: mark.start()].isdigit()
    return not (_DATE.search(before) and not following.isupper()) and not is_enumerator
