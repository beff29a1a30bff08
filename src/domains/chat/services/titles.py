"""What a conversation is called, by rules: the topic of its first question in a few words."""

import re

from src.shared.language import analyze, normalize, split_sentences, word_set

TITLE_CHARACTERS = 40

_READ = 1_000
_MOST_SENTENCES = 5
_GREETING = re.compile(
    r"^(?:(?:안녕(?:하세요|하십니까|히 계세요)?|반갑습니다|수고(?:하십니다|많으십니다|하세요)|"
    r"여보세요|저기요?|실례합니다|죄송(?:하지만|한데요?|합니다만)|"
    r"(?:hi|hello|hey|dear)(?: (?:there|all|everyone|team|bot))?|"
    r"good (?:morning|afternoon|evening)|excuse me|sorry)(?:[\s,.!~]+|$))+",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:[\s,.!]*(?:미리 )?(?:감사(?:합니다|드립니다|해요)|고맙습니다|고마워요?|"
    r"부탁(?:드립니다|드려요|합니다|해요|해)|(?:many )?thanks(?: (?:a lot|in advance))?|"
    r"thank you(?: (?:very much|so much|in advance))?|please|cheers))+[\s.!~]*$",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^(?:(?:혹시|그런데|근데|제가|질문\s?(?:이|하나)?\s?있(?:습니다|는데요?|어요)|"
    r"궁금한 (?:게|것이|점이) 있(?:습니다|는데요?|어요))[\s,.]+|"
    r"(?:(?:can|could|would|will) you (?:please |kindly )?|please )?"
    r"(?:tell|explain|show|remind|give|help) (?:to )?(?:me|us)(?: understand| with| about| on)?[\s,:]+|"
    r"(?:can|could|would) you (?:please )?(?:explain|describe|check|find(?: out)?)\s|"
    r"(?:i(?:'d| would) like|i want|i need) to (?:know|ask|understand)(?: about)?[\s,:]+|"
    r"do you know\s|(?:i(?:'m| am| was) )?(?:just )?wondering(?: if| whether| about)?\s|please\s|so\s|"
    r"(?:i have )?(?:a |one )?(?:quick )?question(?: about)?[\s,.:]+)+",
    re.IGNORECASE,
)
_KOREAN_CLOSING = re.compile(
    r"\s*(?:(?:에\s?대(?:해서?|하여)|에\s?관(?:해서?|하여)|좀|한번|자세히|간단히)\s*)*"
    r"(?:(?:알려|가르쳐|설명해|말해|말씀해|찾아|보여|안내해)\s?(?:줘요?|주세요|주실래요|주십시오|줄래요?|"
    r"주시겠(?:어요|습니까)|(?:줄|주실) 수 있(?:나요|어요?|을까요|습니까)|주시면 (?:감사하겠습니다|좋겠습니다))|"
    r"(?:알고|알아보고) 싶(?:어요?|습니다|은데요?)|궁금(?:해요?|합니다|한데요?)|"
    r"(?:뭐|무엇|뭔|어떻게 되)(?:야|예요|에요|지요?|죠|인가요?|입니까|가요|나요|는지|니|죠))\s*$"
)
_PARTICLES = word_set("이 가 은 는 을 를 이란 란 도 에 의 이라는")
_MARKUP = re.compile(r"^\s*[#>]+\s*|\*\*|__|`")
_EDGES = "\"'“”「」『』《》*_ ,:;-"


def title_of(question: str) -> str:
    """Return a title of at most 40 characters.

    The first sentence that asks something; without greetings, thanks, "can you tell me" and "알려 주세요",
    without the mark at its end, with a capital at its beginning. When nothing is left, its words as they are.
    """
    text = _topic(question)
    return clipped(text, TITLE_CHARACTERS)


def clipped(text: str, characters: int) -> str:
    """Cut a line at a space, if there is one, so that it has at most so many characters."""
    if len(text) <= characters:
        return text
    space = text.rfind(" ", 0, characters)
    end = space if space > characters // 2 else characters - 1
    return text[:end].rstrip(" ,;:-–(") + "…"


def _topic(question: str) -> str:
    text = _MARKUP.sub("", normalize(question[:_READ])).strip()
    sentence = _asking_sentence(text)
    bare = _bare(sentence)
    topic = _without_closing(bare.rstrip("?!.~… "))
    return _capitalised(" ".join((topic.strip(_EDGES) or bare or sentence or question[:_READ]).split()))


def _asking_sentence(text: str) -> str:
    """Return the first sentence that is a question, without one the first that says anything."""
    sentences = [sentence for sentence in split_sentences(text)[:_MOST_SENTENCES] if _bare(sentence)]
    return next((each for each in sentences if each.endswith("?")), sentences[0] if sentences else text)


def _bare(sentence: str) -> str:
    """Return what is left of a sentence without greeting, thanks and the words before what is asked."""
    polite = _THANKS.sub("", _GREETING.sub("", sentence))
    return _OPENING.sub("", f"{polite} ").strip()


def _without_closing(text: str) -> str:
    topic = _KOREAN_CLOSING.sub("", text)
    if topic == text or not topic:
        return text
    terms = analyze(topic)
    end = max((term.end for term in terms), default=len(topic))
    return topic[:end] if topic[end:] in _PARTICLES else topic


def _capitalised(text: str) -> str:
    """Names that are written otherwise ("iPhone") stay as they are."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.islower() else text
