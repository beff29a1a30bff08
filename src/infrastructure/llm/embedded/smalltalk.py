"""What is said when no document is asked for: greetings, thanks, what the assistant can do."""

import re

from src.shared.language import Language

_LONGEST = 60

_YOU = r"(?:(?:너는?|넌|당신은?|챗봇은?|여기서|여기는?|이 (?:챗봇|봇|서비스)은?) ?)*"
_CAN = r"(?:수 ?있(?:어|니|나|는데|어요|나요|습니까|을까요?|는지 알려줘)|거야|있어|있니)?"

_KINDS = {
    "greeting": (
        r"(?:안녕(?:하세요|하십니까|하신가요|히 계세요)?|하이|헬로우?|반가워요?|반갑습니다|처음 뵙겠습니다|"
        r"여보세요|ㅎㅇ|좋은 (?:아침|오후|저녁|하루)(?:입니다|이에요|이야)?|"
        r"hi|hello|hey|hiya|greetings|howdy|good (?:morning|afternoon|evening|day))"
        r"(?: (?:there|everyone|bot|챗봇|봇|chatbot|all))?"
    ),
    "thanks": (
        r"(?:정말 |너무 |아주 |네,? |오,? )?"
        r"(?:고마워요?|고맙습니다|감사합니다|감사해요|감사|땡큐|ㄱㅅ|thanks?|thank you|thx|ty|cheers)"
        r"(?: (?:so much|very much|a lot|you|again|많이))?(?:,? .{0,12}(?:도움|help).{0,20})?"
    ),
    "goodbye": (
        r"잘 ?가|잘 있어요?|안녕히 (?:계세요|가세요)|수고(?:하세요|했어요?|하셨습니다)|바이바이|"
        r"bye(?: ?bye)?|goodbye|see you(?: later)?"
    ),
    "abilities": (
        rf"{_YOU}(?:뭘|무엇을|뭐를?|어떤 (?:걸|것을|일을|도움을)|무슨 (?:일을|걸)) ?(?:도와 ?)?"
        rf"(?:할|해|줄|물어볼|받을|하는|알고) ?(?:줄 )?{_CAN}|"
        r"(?:너는?|넌|당신은?) ?(?:누구|뭐)(?:야|니|세요|예요|에요|인가요|입니까)|"
        r"(?:자기 ?소개|사용법|도움말|도와 ?줘|도와 ?주세요)(?: ?(?:해 ?줘|해 ?주세요|알려 ?줘))?|"
        r"(?:so )?(?:what|how) (?:can|could|do|would) you (?:do|help|know|offer|answer)(?: (?:me|us))?"
        r"(?: (?:do|with|for me|here|today|about))*|"
        r"who are you|what are you|help(?: me)?|how does this work|what is this|introduce yourself|"
        r"what can i ask(?: you)?(?: about)?"
    ),
}
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}
_DECORATION = re.compile(r"[\s~!?.,^ㅎㅋㅠ♡:)(😀-🙏]+$")

_WORDS: dict[str, dict[Language, str]] = {
    "greeting": {
        "ko": "안녕하세요! 등록된 문서를 바탕으로 질문에 답해 드립니다. 궁금한 내용을 물어보세요.",
        "en": "Hello! I answer questions from the documents registered here. What would you like to know?",
    },
    "thanks": {
        "ko": "도움이 되었다니 다행입니다. 더 궁금한 점이 있으면 언제든지 물어보세요.",
        "en": "You are welcome. Ask me any time if there is more that you would like to know.",
    },
    "goodbye": {
        "ko": "좋은 하루 보내세요. 필요할 때 언제든지 다시 물어보세요.",
        "en": "Have a good day. Come back whenever you need something.",
    },
    "abilities": {
        "ko": "저는 열람 권한이 있는 문서에서 질문에 맞는 내용을 찾아 출처와 함께 답하는 도우미입니다. "
        "예를 들어 휴가, 경비, 보안 규정처럼 문서에 적힌 내용을 한국어나 영어로 물어보실 수 있습니다. "
        "문서에 없는 내용은 없다고 말씀드립니다.",
        "en": "I find what answers your question in the documents that you may read, and I show where it stands. "
        "Ask me in English or Korean about anything written there, such as leave, expenses or security rules. "
        "When the documents do not say, I tell you so.",
    },
    "not_found": {
        "ko": "제공된 문서에서 이 질문에 대한 답을 찾지 못했습니다. 다른 표현으로 다시 질문해 보시고, "
        "그래도 나오지 않으면 관련 문서가 아직 등록되지 않았을 수 있으니 담당자에게 문의해 주세요.",
        "en": "I found no answer to this question in the documents available to you. Try asking in other words; "
        "if that does not help, the document may not have been added yet, so please check with its owner.",
    },
    "other_language": {
        "ko": "관련 문서가 영어로 되어 있어 원문을 그대로 옮깁니다.",
        "en": "The document is in Korean; this is its original wording.",
    },
}


def small_talk(text: str, language: Language) -> str | None:
    """Return what to say when a message is nothing but small talk, or None when it asks for something."""
    plain = _DECORATION.sub("", " ".join(text.split())).strip()
    if not plain or len(plain) > _LONGEST:
        return None if plain else say("abilities", language)
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(plain):
            return say(kind, language)
    return None


def say(kind: str, language: Language) -> str:
    return _WORDS[kind][language]
