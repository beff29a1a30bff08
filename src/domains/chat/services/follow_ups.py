"""Follow-up questions: which ones lean on what was asked before, and how they are made to stand alone.

Rules, not a model: they cost less than a millisecond and are what remains when a model that rewrites
questions fails. A question is left word for word unless one of them says that something is missing in it.
"""

import re
from collections.abc import Sequence

from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.vocabulary import asking_words, aspects, light_words
from src.shared.language import analyze, normalize

_LONGEST_FOLLOW_UP = 200
_LONGEST_EARLIER = 300
_FARTHEST_BACK = 6
# Who names four things leaves nothing out; who points back with "it" may name two.
_MOST_SUBJECTS = 3
_MOST_BESIDE_POINTER = 2
_NAMING = frozenset({"noun", "word", "code", "number"})

_ACKNOWLEDGES = re.compile(
    r"(?:네|넵|예|응|아니|ㅇㅇ|오케이|좋아|좋네|알겠|알았|그래|굿|고마|고맙|감사|땡큐|수고|안녕|반가|"
    r"(?:ok(?:ay)?|yes|no|yep|sure|great|good|fine|cool|perfect|nice|thanks?|thank you|got it|i see|"
    r"hi|hello|hey|bye)\b)",
    re.IGNORECASE,
)
_CONNECTIVE = re.compile(
    r"^(?:(?:그럼|그러면|그렇다면|그리고|그런데|근데|하지만|또는|아니면|또|아,?|음,?|네,?|and|so|but|or|also|then|ok|okay)"
    r"(?=[\s,])[\s,]*)+",
    re.IGNORECASE,
)
_ELLIPSIS = re.compile(r"^(?:(?:what|how) about|what if|same for|why not|반대로)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"(?:^|\s)(?:[그이](?:건|거|것|게|걸|때|런|럴|쪽|분|곳|중)|거기|여기|그\s|이\s)|"
    r"\b(?:it|its|they|them|their|those|these|mine|ones?|else|the same)\b|"
    r"\b(?:that|this|then|there)\s*[?.]*$|"
    r"\b(?:do|does|did|is|are|was|can|will|would|could|should)\s(?:that|this)\b",
    re.IGNORECASE,
)
# "It" that stands for nothing, "there" that only says that something is, and times.
_EMPTY = re.compile(
    r"\bis it (?=ok|possible|allowed|true|necessary|mandatory|permitted|fine|legal)|\bdoes it (?=take|matter)|"
    r"\b(?:is|are) there\b|\b(?:this|these) (?:days|weeks?|months?|years?|time)\b|\bone (?=[a-z]+\b)",
    re.IGNORECASE,
)
_KOREAN_FRAGMENT = re.compile(
    r"^(?:\S+\s){0,2}\S*(?:면|에|엔|에서|에선|때|땐|경우|동안|중|한테)(?:은|는|에|엔|에는|도)?요?[?\s]*$|"
    r"^(?:\S+\s)?\S+(?:은|는|도)요?[?\s]*$"
)
_ENGLISH_FRAGMENT = re.compile(
    r"^(?:(?:on|in|for|at|from|by|during|after|before|with|without|if|only|even)\s(?:\S+\s){0,4}\S+|"
    r"[^\s가-힣]+(?:\s[^\s가-힣]+)?\?)$",
    re.IGNORECASE,
)
_HAS_VERB = re.compile(
    r"\b(?:is|are|was|do|does|did|can|may|must|should|will|would|could|have|has)\b", re.IGNORECASE
)
_ALSO = re.compile(r"^(?:\S+\s)?\S+도\s")


def stand_alone(history: Sequence[PromptMessage], question: str) -> str:
    """Return the question so that it can be searched by without the conversation.

    A follow-up comes behind the questions that it leans on ("연차는 며칠이야? 신입은?"), without the "and" or
    "그럼" in front of it; any other question stays word for word.
    """
    earlier = leans_on(history, question)
    if not earlier:
        return question
    rest = _CONNECTIVE.sub("", question.strip()) or question.strip()
    return " ".join([*map(_closed, earlier), rest])


def leans_on(history: Sequence[PromptMessage], question: str) -> tuple[str, ...]:
    """Return the earlier questions that this one needs to be understood, oldest first; none when it needs none.

    These are the last one that stood by itself and, when the question names nothing, the one just before.
    """
    if not is_follow_up(question):
        return ()
    asked = [
        each.content for each in history if each.role == "user" and _asks(each.content[:_LONGEST_EARLIER])
    ]
    asked = asked[-_FARTHEST_BACK:]
    if not asked:
        return ()
    base = next((each for each in reversed(asked) if not is_follow_up(each)), asked[0])
    last = asked[-1]
    return (base,) if last == base or _own_subjects(question) else (base, last)


def is_follow_up(question: str) -> bool:
    """Tell whether a question cannot be understood without the ones before it.

    So are: one that names nothing ("언제까지 써야 해요?"), or only an aspect that everything has ("And the
    deadline?"); one that points back ("Is it paid?"); and one that is no whole sentence ("For managers?",
    "상담팀은요?", "배우자도 되나요?").
    """
    text = normalize(question).strip()
    if len(text) > _LONGEST_FOLLOW_UP:
        return False
    named = subjects(text)
    if not named:
        return _asks(text)
    return len(named) <= _MOST_SUBJECTS and _leaves_out(text, named)


def subjects(text: str) -> list[str]:
    """Return what a text names: nouns, names and numbers that are not in every question."""
    empty = asking_words() | light_words()
    named = {
        term.start: term.text
        for term in analyze(text)
        if term.kind in _NAMING and term.text not in empty and (term.kind != "noun" or len(term.text) > 1)
    }
    return list(named.values())


def _leaves_out(text: str, named: list[str]) -> bool:
    rest = _CONNECTIVE.sub("", text)
    points_back = bool(_POINTS_BACK.search(_EMPTY.sub("", text))) and len(named) <= _MOST_BESIDE_POINTER
    goes_on = rest != text and len(named) == 1
    return (
        points_back
        or goes_on
        or bool(_ELLIPSIS.match(rest))
        or _is_fragment(rest)
        or aspects().issuperset(named)
        or not subjects(_ALSO.sub("", text))
    )


def _is_fragment(text: str) -> bool:
    if _KOREAN_FRAGMENT.match(text):
        return True
    return bool(_ENGLISH_FRAGMENT.match(text)) and not _HAS_VERB.search(text)


def _own_subjects(text: str) -> list[str]:
    return [subject for subject in subjects(text) if subject not in aspects()]


def _asks(text: str) -> bool:
    """Whether a message is more than a greeting, thanks or a nod."""
    return "?" in text or bool(subjects(text)) or not _ACKNOWLEDGES.match(text.strip())


def _closed(question: str) -> str:
    question = " ".join(question[:_LONGEST_EARLIER].split())
    return question if question.endswith(("?", ".", "!")) else f"{question}."
