"""The signs of prompt injection and jailbreaks, in Korean and English, each with what it counts.

A sign that is enough alone is one that nobody writes without meaning it. Gaps stay within a sentence and are bounded.
"""

import re
from dataclasses import dataclass

from src.infrastructure.guardrails.reading import Anchors


@dataclass(frozen=True)
class Sign:
    """What a sign counts, and what it looks like, in small letters."""

    weight: float
    anchors: Anchors
    pattern: "re.Pattern[str]"
    is_order: bool = False
    """In a question whether one may do so, it counts for less."""


def _sign(weight: float, words: str, pattern: str, *, is_order: bool = False) -> Sign:
    return Sign(weight, Anchors(words, before=160, after=160), re.compile(pattern, re.MULTILINE), is_order)


# Gaps stay within a sentence, and are bounded.
_G = r"[^.!?\n]"
_START = r"(?:(?:^|[.!?:;,\"'“‘(\[>*\n-]|\b(?:please|now|and|then|just|simply|must|should|will|shall|i want you to|to|first|kindly|immediately|instead|also|so|ok|okay|hey|can you|could you|will you|you))\s{0,3})"
_OVERRIDE = r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|overrule|bypass(?:ing)?|discard(?:ing)?|circumvent|do not (?:follow|obey)|don't (?:follow|obey)|stop (?:following|obeying)|pay no attention to|set aside|break free (?:of|from)|erase|delete|abandon|violate|neglect)"
_BEFORE = r"(?:previous(?:ly)?|prior|above|earlier|preceding|former|original|initial|existing|system|safety|your|all|any|every|everything|these|those|developer'?s?|openai'?s?|anthropic'?s?|hidden|past|current|given)"
_RULES = r"(?:instructions?|prompts?|directives?|directions|orders|commands?|guidelines?|guardrails?|programming|rules?|constraints?|restrictions?|system messages?|messages?|context|told)"

_ENGLISH = (
    _sign(
        1.0,
        "ignor|disregard|forget|overrid|overrule|bypass|discard|circumvent|obey|follow|attention|set aside|break free|erase|delete|abandon|violate|neglect",
        rf"{_START}{_OVERRIDE}\b{_G}{{0,30}}?\b{_BEFORE}\b{_G}{{0,30}}?\b{_RULES}\b(?! (?:for|on how|about|manual|booklet|from (?:hr|the manual|my)))"
        rf"|{_START}(?:forget|ignore|disregard|erase)\b{_G}{{0,10}}?\beverything (?:above|before|you(?:'ve| have| were| know)|that (?:was|came))"
        rf"|{_START}{_OVERRIDE}\b{_G}{{0,10}}?\byour (?:\w+ ){{0,2}}?(?:polic(?:y|ies)|filters?|safeguards?|training|ethics)\b",
        is_order=True,
    ),
    _sign(
        0.5,
        "ignor|disregard|forget|overrid|bypass",
        rf"\b{_OVERRIDE}\b{_G}{{0,40}}?\b(?:you(?:'ve| have| were| are)?|i said|above|training|ethic\w*|polic(?:y|ies)|safeguards?|filters?|restrictions?|limitations|(?:the|all) (?:rules|instructions))\b",
        is_order=True,
    ),
    _sign(
        0.5,
        "ignor|disregard|skip|following|void",
        r"\b(?:ignor|disregard|skip)\w*\b[^.!?\n]{0,8}\b(?:other|the user'?s?|user'?s|every other|group)\b ?(?:sources?|documents?|questions?|inputs?|requests?|rights|group rights)\b|\bstop following the\b|\b(?:policy|rules|instructions) (?:is|are) (?:now )?void\b|\b(?:ignore|disregard|forget) (?:it|them|those|that) and\b",
    ),
    _sign(
        0.5,
        "you have no|off limits|off-limits|you can do anything|no content policy",
        r"\byou have no (?:\w+ ){0,2}?(?:rules|restrictions|limits|guidelines|filters|policy|ethics|morals)\b|\boff[- ]limits\b|\byou can do anything\b|\bno content policy\b",
    ),
    _sign(
        1.0,
        "above|before this|given|received|beginning|start of|top of|came before|precede",
        r"\b(?:repeat|print|output|reveal|copy|echo|dump|display|recite|quote|paste|write out)\b[^.!?\n]{0,25}\b(?:text|words?|everything|content|lines?|prompt|instructions|messages?)\b[^.!?\n]{0,12}?\b(?:above(?! in| into| so| for)|before this|you were given|you have been given|you received|you were told|that (?:precede|came before)|at the (?:start|beginning|top) of (?:this|our|the) (?:conversation|chat|prompt|context))",
    ),
    _sign(
        1.0,
        "prompt|instruction|message|directive|configuration|programming|rules",
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|disclose|expose|share|recite|echo|list|write|copy|paste|return|spit|what(?:'s| is| are| was| were)|summari[sz]e|translate|encode|read|provide|quote|send|include)\b"
        rf"{_G}{{0,40}}?(?:\byour (?:\w+ ){{0,2}}?(?:system |initial |hidden |original |full |exact |base |secret |internal )?(?:prompts?|system message|instructions|directives|programming|initial configuration)\b(?! (?:for|on|about|regarding|to|manual|booklet))"
        r"|\b(?:the|its|every|all)? ?(?:system|hidden|initial|secret|original|developer|confidential|pre-?) ?(?:prompts?|instructions|messages?|directives)\b(?: (?:above|verbatim|you|word|in full|that|exactly|here|now|before|as|in|to me)|\s{0,2}[.!\"']?\s{0,2}$|,)"
        r")",
    ),
    _sign(
        1.0,
        "do anything now|dan |jailb|stan ",
        r"\bdo anything now\b|\b(?:you are|act as|become|be|play|as|hi|hello|enable|enter|activate) (?:now )?(?:dan|stan)\b|\bdan mode\b|\bjailb(?:reak|roken) (?:mode|prompt|yourself|version)\b|\byou(?:'re| are|'ve been| have been)(?: now)? jailbroken\b",
    ),
    _sign(
        0.5,
        " mode",
        r"\b(?:enable|enter|activate|switch (?:in)?to|go into|you are (?:now )?in|engage|start|turn on|initiate|boot into)\b[^.!?\n]{0,25}\b(?:developer|debug|god|admin(?:istrator)?|sudo|root|maintenance|unrestricted|opposite|evil|test|diagnostic|unsafe|free)[- ]mode\b|\b(?:sudo|admin|developer|god|debug|dan|jailbreak|root|unrestricted) mode (?:on|enabled|activated|engaged|unlocked)\b",
    ),
    _sign(
        1.0,
        "restriction|rules|filter|limit|guideline|ethic|moral|censor|safeguard|policies|constraint|boundaries",
        r"\b(?:act|behave|respond|pretend|role-?play|answer|play|simulate|imagine|you are|you're|reply|speak|operate|be|become|write|talk|act like|tell me)\b"
        rf"{_G}{{0,80}}?\b(?:without|no|free (?:of|from)|(?:not|no longer) (?:bound|limited|restricted|constrained) by|unbound by|has no|have no|lacks?|beyond|regardless of|not have)\b{_G}{{0,12}}?"
        r"\b(?:ethical |moral |content |safety |your |openai |any |all |of |the )*(?:restrictions?|rules|filters?|filtering|limits?|limitations?|guidelines|ethics|morals|morality|censorship|safeguards|content polic(?:y|ies)|constraints|boundaries)\b",
    ),
    _sign(
        1.0,
        "unrestricted|uncensored|unfiltered|amoral|evil|rogue|unaligned|unethical",
        r"\b(?:unrestricted|uncensored|unfiltered|amoral|evil|rogue|unaligned|unethical|unlimited)\b[ ,-]{1,2}(?:\w+ )?(?:ai|assistant|chatbot|model|version|bot|gpt|llm|twin|persona|mode|robot|answers?)\b",
    ),
    _sign(
        0.5,
        "unfiltered|uncensored|unrestricted",
        r"(?:,|\bnow|\bare|\bbe|\bmy) (?:unfiltered|uncensored|unrestricted)\b",
    ),
    _sign(
        0.5,
        "you are n|you no longer|from now on|starting now|you will now|you're now|henceforth|for the rest",
        r"\byou(?:'re| are) (?:now|no longer)\b|\b(?:from now on|starting now|henceforth|for the rest of (?:this|our) (?:chat|conversation|session)),? (?:you|your|only|respond|answer|ignore|every|follow|obey)\b|\byou will now\b|\byou no longer (?:follow|have|obey|need|work)\b",
    ),
    _sign(
        1.0,
        "instruction|directive|system prompt",
        r"\byour (?:new|real|true|actual|updated) (?:system )?(?:instructions|directives?|prompt)\s?(?:are|is|:)",
    ),
    _sign(
        0.6,
        "new |updated |real |true |actual |additional ",
        r"\b(?:new|updated|revised|additional) (?:system )?(?:instructions?|rules|persona|directives?|prompt|orders|objective|task)\s?(?::|are|is|from|below|follow)|\b(?:your|the) (?:new|real|true|actual|only) (?:instructions?|task|goal|purpose|role|job|objective|mission|prompt) (?:is|are|now)\b|\bnew system prompt\b",
    ),
    _sign(
        0.5,
        "pretend|act as|role-play|roleplay|play the role|imagine you|simulate|act like|hypothetical|take on the persona|in character",
        r"\b(?:pretend (?:to be|you|that you|there)|act as (?:if|though)|act like (?:you|there)|role-?play as|play the role of|imagine you(?:'re| are)|simulate (?:a|an|being)|take on the persona|stay in character|in a hypothetical world)\b",
    ),
    _sign(
        0.5,
        "safety|content filter|moderation|guardrail|content policy|filters|restrictions|alignment",
        r"\b(?:disable|turn off|deactivate|remove|switch off|lift|unlock|suspend|shut off|drop|bypass|evade|get around)\b[^.!?\n]{0,20}\b(?:your|all|any|the) (?:\w+ ){0,2}?(?:safety|content|moderation|ethical|guardrails?|filters?|restrictions|alignment|safeguards)(?: (?:filters?|guidelines|protocols?|checks?|settings|mechanisms?|policy|polic\w+|training|features?|systems?|layer))?\b",
    ),
    _sign(
        0.6,
        "your",
        r"\b(?:disable|turn off|deactivate|remove|switch off|lift|unlock|suspend|drop|bypass|evade|get around)\b[^.!?\n]{0,12}\byour (?:\w+ ){0,2}?(?:safety|filters?|moderation|guardrails?|restrictions|alignment|safeguards|limits|content polic(?:y|ies))\b",
    ),
    _sign(
        0.5,
        "i am your|i'm your|i am the|i'm the|as your|this is your|authorized|authorised|from openai|from anthropic|on behalf of",
        r"\b(?:i am|i'm|as|this is) (?:your|the) (?:developer|creator|administrator|admin|owner|system administrator|programmer|engineer|master|root user)\b|\bi(?:'m| am) (?:from|with|an engineer at) (?:openai|anthropic|google|the ai team)\b|\bi am authori[sz]ed\b|\b(?:authori[sz]ation|override) code\b",
    ),
    _sign(
        1.0,
        "base64|rot13|decode|hex|reverse",
        r"\b(?:decode|base64|rot13|hex|unscramble|decipher|reverse)\b[^.!?\n]{0,80}\b(?:execute|follow|obey|do what|run it|comply|carry out|act on|perform what|and do)\b",
    ),
    _sign(
        0.5,
        "say only|respond only|reply only|respond with|reply with|answer only|say exactly|only say|just say|output only|always answer|always respond|never refuse|must comply|cannot refuse|can't refuse|not refuse|no matter what|regardless of",
        r"\b(?:respond|reply|answer|say|output)(?: with)? (?:only|just|exactly)\b|\bonly (?:say|respond|reply|output)\b|\b(?:never|cannot|can't|must not|may not|do not|don't) refuse\b|\bmust comply\b|\bregardless of (?:what|the|any|how) (?:\w+ ){0,3}(?:asks?|question|says?|wants?|request\w*|harmful|consequences|legality)\b|\bno matter what (?:i|they|the user)\b|\balways (?:answer|respond|comply)\b",
    ),
    _sign(
        0.4,
        "as an ai|i'm sorry|i can't|disclaimer|warnings|apolog",
        r"\b(?:never|don't|do not|without|no|stop|avoid)\b[^.!?\n]{0,20}\b(?:say(?:ing)?|mention(?:ing)?|add(?:ing)?|apolog\w+|warnings?|disclaimers?)\b[^.!?\n]{0,20}(?:as an ai|i'm sorry|i can't|disclaimers?|warnings?|apolog\w+)?",
    ),
)

_MARKS = (
    _sign(
        1.0,
        "system>|begin system|end system|begin_system|system override|begin admin",
        r"</system>\s{0,4}<system>|\b(?:begin|start)[ _](?:system|admin)[ _](?:prompt|override|message|instructions?)\b|\bsystem override\b",
    ),
    _sign(
        1.0,
        "<|im_|<|sys|<|end|<|user|<|assist|<|start",
        r"<\|(?:im_start|im_end|system|endoftext|user|assistant|start_header_id|eot_id|end)\|>",
    ),
    _sign(
        0.7,
        "inst]|sys>>|<system|</system|<instruction|</instruction|<admin|[system|[admin|system>",
        r"\[/?inst\]|<</?sys>>|</?(?:system|system_prompt|instructions?|admin|override)>|\[(?:system|admin|developer)(?: (?:override|note|message|prompt|instruction|command))?\]",
    ),
    _sign(
        0.6,
        "system|assistant|developer|instruction|admin|시스템|관리자|지시",
        r"^[\s#*>=\-\[]{0,8}(?:system|developer|admin(?:istrator)?|시스템|관리자|개발자)\s?(?:override|prompt|message|instructions?|note|notice|command|update|공지|메시지|명령|지시|프롬프트|알림)?\s?\]?\s?[:：]|^[\s#*>=-]{1,8}(?:new )?instructions?\s?[:：]?\s?$",
    ),
)

_TO_MACHINES = (
    _sign(
        1.0,
        "reading|processing|summari|analy|parsing|indexing|if you are an|if you're an",
        r"\bif you(?:'re| are) an? (?:ai|llm|language model|chatbot|ai (?:assistant|model|system))\b(?:,| (?:reading|processing|and|that|summari))"
        r"|\b(?:ais?|llms?|assistants?|chatbots?|(?:language )?models?|ai systems?)\b(?: that (?:is|are))? (?:reading|processing|summari[sz]ing|analy[sz]ing|parsing|indexing) (?:this|the|these)\b[^.!?\n]{0,40}\b(?:must|should|shall|will|has to|have to|needs? to|ignore|include|say|tell)\b",
    ),
    _sign(
        0.6,
        "ai:|llm:|assistant:|chatbot:|gpt:|model:|llms:|assistants:|ais:|bot:",
        r"(?:<!--|^|[\[(]|\b(?:note|message|instructions?|attention|dear) (?:to|for)?)\s{0,3}(?:the |all |any )?(?:ai |virtual |language )?(?:ais?|llms?|assistants?|chatbots?|gpt|models?|bots?):",
    ),
    _sign(
        0.5,
        "ai|llm|language model|chatbot|assistant|bot|copilot|gpt|model",
        r"(?:\bif you(?:'re| are)|\battention\b|\bnote (?:to|for)|\bmessage (?:to|for)|\bdear\b|\bhey\b|\bhello\b|\binstructions? (?:to|for)|\bto (?:the|any|all)|\bimportant[^.!?\n]{0,12} (?:for|to))[^.!?\n]{0,25}\b(?:ais?|llms?|(?:large )?language models?|chatbots?|(?:ai |virtual )assistants?|bots?|copilot|gpt|models?)\b[^.!?\n]{0,30}(?:[:,;.]|reading|processing|summari|that|who|which|must|should|you)"
        r"|\b(?:ais?|llms?|ai (?:assistants?|systems?|models?|agents?)|assistants?|chatbots?|language models?)\b(?: \w+){0,3}? (?:reading|processing|summari[sz]ing|parsing|analy[sz]ing|answering|indexing|that reads?|which reads?)\b",
    ),
    _sign(
        0.6,
        "tell|mention|inform|disclos|alert|notif|reveal|secret",
        r"\b(?:do not|don't|never|without|must not|should not)\s(?:ever )?(?:tell|mention|inform|disclos|alert|notif|reveal|telling|mentioning)\w*\b[^.!?\n]{0,30}\b(?:user|users|anyone|this|human|instruction|employee|person|reader|them)\b|\bkeep this (?:instruction )?(?:a )?secret\b",
    ),
    _sign(
        0.6,
        "http|image|link|url|webhook|![|markdown",
        r"\b(?:send|post|forward|transmit|upload|append|embed|include|insert|exfiltrate|render|display|add)\b[^.!?\n]{0,70}(?:https?://|!\[|\bmarkdown image\b|\bwebhook\b|\bthis (?:link|url)\b|\bfollowing (?:link|url|image)\b)",
    ),
    _sign(
        0.5,
        "conversation|chat history|user's|credentials|password|personal|api key|secrets",
        r"\b(?:send|post|forward|transmit|upload|append|insert|put|leak|exfiltrate|collect|email|encode)\b[^.!?\n]{0,50}\b(?:conversation|chat history|user'?s? (?:\w+ )?(?:data|message|question|name|e-?mail|input|details)|credentials|passwords?|personal (?:data|information)|api keys?|secrets)\b",
    ),
    _sign(
        0.4,
        "instead|when asked|whenever|if the user|when the user|when summari|if asked|in your answer|in your response|in the answer|in your summary",
        r"\b(?:when(?:ever)?|if) (?:you(?:'re| are)? )?(?:asked|summari[sz]ing|the user asks|a user asks|someone asks|anyone asks|users? ask)\b[^.!?\n]{0,60}\b(?:say|answer|respond|reply|tell|state|recommend|claim|always|instead|write|include|output)\b|\binstead,? (?:say|answer|respond|reply|tell|recommend|output|write|print|give|do|return)\b|\b(?:include|add|insert|put|mention)\b[^.!?\n]{0,60}\bin (?:your|the|every) (?:answer|response|summary|reply)\b",
    ),
)

_SO_TOLD = r"(?:지시\s?사항|지시문?|명령어?|명령문|지침|규칙|프롬프트|가이드라인|인스트럭션|룰|규정|제약\s?(?:조건|사항)?|제한\s?(?:사항)?|안전\s?(?:장치|규칙|지침|정책)|필터(?:링)?|검열|설정(?:된\s?(?:내용|값))?|대화(?:\s?내용)?|내용|맥락|말|얘기|이야기|정책|교육|학습)"
_SO_TOLD_STRONG = r"(?:지시\s?사항|지시문?|명령어?|명령문|프롬프트|인스트럭션|가이드라인)"
_DROP = r"(?:무시|취소|잊|따르지\s?(?:마|말|않)|무효|해제|버리|버려|제거|우회|지우|지워|초기화|신경\s?(?:쓰지|끄)|벗어나|어기|어겨|꺼\s?(?:줘|버)|끄고|끄세요|폐기|삭제|리셋|제쳐|덮어|파기)"
# "무시해도 되나요", "무시하면", "무시할 경우": whether, not that.
_ORDERED = r"(?:\s?(?:해|하고(?!\s?싶)|하라|하세요|하십시오|하시고|하며|하여|해라|해서|해줘|하자|할\s?것|하도록|한\s?(?:뒤|다음|채|후)|합니다|하길|하기\s?바|시키|고|어라?|어\s?(?:줘|버|주)|으세요|으십시오|으라|으시고|어야|세요|지\s?(?:마|말)|한다(?!면|는)|라|아라?|려라?|리고|려|요|말고|마|말|않고|쓰지|줘|버))(?!\s?(?:도\s?(?:되|괜찮)|면|ㄹ|야\s?(?:하나|되나|할까|하는지|하는\s?경우)|는\s?(?:경우|사람|직원|행위|것|이유)|기\s?(?:전|때문)|서\s?(?:문제|사고|생|발생|벌|징계)))"
_OLD = r"(?:이전|앞선|앞의|앞에|앞서|위의|위에|위|지금까지|여태|기존|원래|모든|시스템|네|너의|너에게|니가|네가|당신의|당신이|당신에게|처음|초기|최초|상기|안전|개발자|설정된|받은|주어진|내장된|숨겨진|아까|방금|전부|다른|본래)"

_KOREAN = (
    _sign(
        0.6,
        "시스템 프롬프트|시스템프롬프트",
        r"시스템\s?프롬프트(?:를|을|가|는)?\s?(?:다음과\s?같이\s?|아래로\s?|새로\s?)?(?:변경|업데이트|교체|수정|대체|바뀌|바꾼)",
    ),
    _sign(
        1.0,
        "지시|명령|프롬프트|인스트럭션|가이드라인",
        rf"{_OLD}{_G}{{0,20}}?{_SO_TOLD_STRONG}{_G}{{0,15}}?{_DROP}{_ORDERED}",
        is_order=True,
    ),
    _sign(
        1.0,
        "정책|규칙|지침|제한",
        r"(?:콘텐츠\s?정책|사용\s?정책|(?:너의|네|당신의)\s?(?:안전\s?|윤리\s?)?(?:규칙|정책|지침|제한))(?:을|를|은|는|이)?\s?(?:모두\s?|다\s?|전부\s?)?(?:무시하고|무시해|우회해서|우회하고|우회해|어기고|벗어나|해제하고|끄고|잊고)",
    ),
    _sign(
        0.5,
        "필터|장치|제한|검열|가드레일|보호|규칙",
        r"(?:필터(?:링)?|안전\s?장치|제한|검열|가드레일|보호\s?장치|규칙)(?:을|를)?\s?(?:모두\s?|전부\s?|다\s?)?(?:끄고|꺼|해제하고|해제해|해제했|풀고|풀어|비활성화)",
    ),
    _sign(
        0.5,
        "무시|라고만|다고만|복종|자유|나만의|무제한|어겨도",
        r"(?:출처|질문|문서|자료|소스)(?:를|을|는|은)?\s?(?:모두\s?|전부\s?)?무시(?:하고|해라|하라|해$|해\s)|(?:라고만|다고만)\s?(?:답|말|출력|응답|대답)|복종해|자유로운\s?(?:ai|인공지능|존재|챗봇)|어겨도\s?(?:돼|괜찮아|된다|상관없)(?!요)|(?:자유|나만의|무제한)\s?(?:ai|인공지능|챗봇)로",
    ),
    _sign(
        0.6,
        "dan",
        r"(?<![a-z])dan(?![a-z])\s?(?:이야|이다|으로|처럼|이라는|모드|이라고|이라\s?불)",
    ),
    _sign(
        0.5,
        "무시|잊|따르지|무효|해제|버리|버려|제거|우회|지우|지워|초기화|신경|벗어|어기|어겨|끄|꺼|삭제|리셋",
        rf"{_OLD}{_G}{{0,20}}?{_SO_TOLD}{_G}{{0,12}}?{_DROP}{_ORDERED}",
        is_order=True,
    ),
    _sign(
        0.6,
        "무시|잊|따르지|벗어|어기|어겨|우회|해제|끄|꺼|신경",
        rf"(?:(?<![가-힣])(?:너|네|넌|니|너의|당신)[^.!?\n가-힣]?{_G}{{0,14}}?|인공지능{_G}{{0,8}}?|\bai{_G}{{0,8}}?|시스템{_G}{{0,8}}?|안전{_G}{{0,5}}?|윤리{_G}{{0,5}}?|도덕{_G}{{0,5}}?|콘텐츠{_G}{{0,5}}?){_SO_TOLD}{_G}{{0,12}}?{_DROP}",
        is_order=True,
    ),
    _sign(
        1.0,
        "프롬프트|지시|명령|인스트럭션|설정|지침",
        r"(?:(?:너의|네|니|너한테|너에게|당신의|당신에게|네가|니가|당신이)\s?(?:\w{1,5}\s?){0,3}?(?:프롬프트|지시\s?사항|지시문|지침|명령어|명령문|인스트럭션|초기\s?설정|내부\s?설정|규칙|설정값?)|(?:네가|니가|너가|당신이)\s?(?:\w{1,3}\s?)?받은\s?(?:명령|지시)|(?:시스템|숨겨진|숨은|비밀|원본|초기|내부|개발자)\s?(?:\w{1,3}\s?)?(?:프롬프트|지시문|명령문|인스트럭션|메시지)|(?:위|앞|이전|처음|맨\s?위)(?:의|에|에\s?(?:있는|적힌|주어진|받은))?\s?(?:\w{1,4}\s?)?(?:프롬프트|지시문|지시\s?사항|텍스트|글자))"
        r"[^.!\n]{0,24}?(?:알려|보여|출력|공개|말해|적어|복사|반복|읊|읽어|유출|노출|뱉|써\s?(?:줘|주|봐|라)|번역해|요약해|나열|그대로|토해|내놔|까\s?(?:줘|봐)|털어|인쇄|복붙|붙여|인코딩|뭐(?:라고|였|야\?|니))",
    ),
    _sign(
        1.0,
        "제한|규칙|검열|필터|윤리|제약|안전|정책|가이드라인|도덕|한계",
        rf"(?:제한|규칙|검열|필터(?:링)?|윤리(?:적\s?(?:제한|기준|제약))?|제약|안전\s?장치|정책|가이드라인|도덕|한계|규제)(?:이|은|을|를|도|과|이나|에서|에|같은\s?건|따윈|따위|{_G}{{0,6}}?)?\s?(?:전혀\s?|모두\s?|아무\s?|다\s?|완전히\s?)?(?:없는|없이|없어|없다|풀린|풀고|풀어|해제된|해제하고|해제한|무시하는|무시하고|벗어난|벗어나|끄고|끈|꺼진|안\s?받는|받지\s?않는|따르지\s?않는|구애받지|상관\s?없이|넘어서)"
        rf"{_G}{{0,30}}?(?:\bai\b|ai|인공지능|챗봇|모델|봇|모드|비서|어시스턴트|답변|대답|답해|말해|응답|gpt|척|역할|행동|알려|존재|버전|작동|연기)",
    ),
    _sign(
        0.5,
        "탈옥|jailbreak|dan|모드",
        r"탈옥(?:\s?(?:모드|해|시켜|된|하자|상태)|$)|(?:개발자|관리자|디버그|무제한|루트|어드민|악마|자유|dan|sudo|테스트|점검)\s?모드(?:로|를|\s?(?:활성|켜|on|전환|진입|시작|실행))",
    ),
    _sign(
        0.5,
        "부터",
        r"(?:이제|지금|앞으로|여기서|이\s?순간|오늘)\s?부터(?:는)?,?\s?(?:너는|넌|너의|당신은|네|니가|네가|나를|내가|내\s?(?:말|명령|지시)|모든|무조건|새로운|챗봇은|ai는)|(?<![가-힣])(?:너는|넌|당신은)\s?(?:이제|지금부터|더\s?이상|앞으로)",
    ),
    _sign(
        0.5,
        "척|역할|연기|처럼|가정|캐릭터|페르소나",
        r"(?:인|한|는|된)\s?척\s?(?:해|하고|하며|하면서|하세요)|역할극|역할을\s?(?:맡|수행|연기|해)|연기해|처럼\s?(?:행동|말|대답|답|굴)|라고\s?가정(?:하고|해)|캐릭터(?:를|로)\s?(?:유지|연기|몰입)|페르소나",
    ),
    _sign(
        0.5,
        "새로운|새|진짜|실제|추가",
        r"(?:새로운|새|진짜|실제|추가|변경된)\s?(?:시스템\s?)?(?:지시\s?사항|지시|명령|프롬프트|임무|역할|목표|규칙)\s?(?:은|는|이야|:|입니다|을\s?(?:따|수행|이행)|에\s?따|만\s?따|이다|대로)",
    ),
    _sign(
        0.5,
        "개발자|관리자|만든|권한|오픈ai|openai|운영자|창조",
        r"(?:나는|난|저는|내가|제가|나)\s?(?:바로\s?)?(?:너를|너의|당신의|당신을|이\s?(?:시스템|챗봇|봇)의?|네|시스템|openai|오픈ai|회사)?\s?(?:\w{1,4}\s?)?(?:개발자|관리자|만든\s?사람|운영자|주인|창조자|개발팀|엔지니어|최고\s?관리자)(?:야|다|이다|입니다|이니|니까|로서|인데|이며)|(?:관리자|운영자|개발자|최고)\s?권한으로",
    ),
    _sign(
        0.5,
        "무조건|거절|거부|경고|사과|면책|예외",
        r"(?:절대|결코|무조건|어떤\s?(?:경우|질문|요청)[^.!?\n]{0,8})\s?(?:거절|거부|예외)|(?:거절|거부)(?:하지|할\s?수)\s?(?:마|말|않|없)|(?:경고|사과|면책|주의)\s?(?:문구|메시지|조항)?[^.!?\n]{0,6}(?:없이|빼고|하지\s?(?:마|말)|생략|붙이지)|무조건[^.!?\n]{0,12}(?:답해|대답|따라|복종|수행|응답|응해)",
    ),
    _sign(
        0.7,
        "문서|글|페이지|메일|내용|파일|자료|텍스트",
        r"(?:문서|글|페이지|메일|내용|파일|자료|텍스트|문장)(?:을|를|이|에)?[^.!?\n]{0,12}(?:읽|처리|요약|분석|검색|참조|참고|인용|접근)[^.!?\n]{0,14}(?:ai|인공지능|챗봇|언어\s?모델|모델|어시스턴트|llm|봇|비서|시스템)",
    ),
    _sign(
        0.5,
        "ai|인공지능|챗봇|어시스턴트|언어 모델|언어모델|llm|봇에게|비서",
        r"(?:\bai\b|ai(?=[가-힣])|인공지능|챗봇|어시스턴트|언어\s?모델|\bllm|봇)\s?(?:은|는|이|가|에게|에게는|께|야|여|님|비서)?\s?(?:에게\s?)?(?:알림|전달|지시|참고|주의|안내|공지|필독|,|:|!)|(?:ai|인공지능|챗봇|어시스턴트|언어\s?모델|llm)(?:은|는|이|가)[^.!?\n]{0,60}(?:해야\s?(?:한다|합니다)|하라|하십시오|하세요|할\s?것|해라|답하라|출력하라|답할\s?것|말하라|시오)",
    ),
    _sign(
        0.6,
        "사용자|유저|이용자|직원|사람|질문자|수신자|독자|상대|아무에게도|비밀|이 지시|이 명령|이 내용|이 사실|이 문장",
        r"(?:사용자|유저|이용자|직원|사람|질문자|수신자|독자|상대방?)(?:에게|한테|가|들에게)?(?:는|도)?[^.!?\n]{0,12}(?:알리지|말하지|언급하지|밝히지|모르게|알려\s?주지|드러내지|보이지\s?않게)|(?:이\s?(?:지시|명령|문장|내용|사실))[^.!?\n]{0,8}(?:비밀|언급하지|밝히지|말하지|드러내지)",
    ),
    _sign(
        0.5,
        "링크|이미지|주소|url|http|웹훅|전송|보내",
        r"(?:답변|응답|대답|요약|답)(?:에|의|마다|할\s?때)?[^.!?\n]{0,25}(?:링크|이미지|주소|url|https?)[^!?\n]{0,60}(?:포함|삽입|추가|넣|첨부|붙|표시|안내)|(?:대화|질문|사용자|비밀번호|개인\s?정보|메시지|내역)[^.!?\n]{0,25}(?:https?://|url|웹훅|서버|주소)[^!?\n]{0,60}(?:전송|보내|업로드|첨부|붙여)",
    ),
    _sign(
        0.4,
        "대신|물으면|묻거든|질문하면|물어보면|요청하면",
        r"(?:물으면|묻거든|질문하면|물어보면|요청하면|요약하라고\s?하면|질문을\s?받으면|묻더라도)[^.!?\n]{0,40}(?:답|말|응답|대답|출력|추천|안내)|대신(?:에)?\s?[^.!?\n]{0,30}(?:라고|만)\s?(?:답|말|출력|응답|대답|적)",
    ),
)

SIGNS = (*_MARKS, *_ENGLISH, *_TO_MACHINES, *_KOREAN)
