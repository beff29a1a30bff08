"""What a model is told of documents and tools, and what it answers, is looked at on the way."""

from collections.abc import Iterable

from src.domains.chat.services.guardrail import Finding, Moderator, RuleSet
from src.domains.chat.services.masking import hidden, unfinished_placeholder
from src.domains.chat.services.screening import Intervention, interventions, judged
from src.shared.events.knowledge import Passage
from src.shared.language import Language

CONTEXT = 80
"""Characters of what is out already that tell what the next ones are: 계좌번호 before a number."""
WINDOW = 400
"""So much of an answer a service outside is asked about at once, up to the end of a sentence."""

_ENDS = (".", "!", "?", "\n", ". ", "? ", "! ")

_CUT = {
    "ko": "[회사 정책에 따라 이 답변의 나머지는 표시하지 않습니다.]",
    "en": "[The rest of this answer is not shown: the company's rules do not allow it.]",
}
_WITHHELD = {
    "ko": "[회사 정책에 따라 이 도구의 결과는 사용하지 않습니다.]",
    "en": "[The result of this tool is withheld by the company's rules.]",
}


class AnswerBlocked(Exception):
    """The answer is not to go on; `last_words` are what its reader is told behind what is out already."""

    def __init__(self, last_words: str) -> None:
        super().__init__("the answer is blocked")
        self.last_words = last_words


class AnswerGuard:
    """The guardrail of one answer. What it did is in `interventions`.

    Text is held back only while more of it may change what rules find, or while a service outside is asked.
    However the answer is cut into pieces, the same comes out.
    """

    def __init__(self, rules: RuleSet, moderator: Moderator | None, language: Language) -> None:
        self._rules = rules
        self._moderator = moderator
        self._language = language
        self._context = ""
        self._held = ""
        self._unjudged = ""
        self.interventions: list[Intervention] = []

    def passages(self, passages: Iterable[Passage]) -> tuple[Passage, ...]:
        """Return the passages that a model may be told, without what is to be hidden in them."""
        return tuple(each for passage in passages if (each := self._passage(passage)))

    def _passage(self, passage: Passage) -> Passage | None:
        told = {name: getattr(passage, name) for name in ("title", "location", "text")}
        let_through = {name: self._let_through(text) for name, text in told.items()}
        if None in let_through.values():
            return None
        return passage if let_through == told else passage.model_copy(update=let_through)

    def tool_result(self, text: str) -> str:
        """Return what a model may be told of what a tool gave."""
        let_through = self._let_through(text)
        return _WITHHELD[self._language] if let_through is None else let_through

    def arguments(self, text: str) -> str:
        """Return the arguments of a model's call of a tool as they may leave. Raises `AnswerBlocked`."""
        findings = self._rules.find(text, "output")
        self.interventions += interventions(findings, "output")
        if blocking := next((each for each in findings if each.rule.action == "block"), None):
            raise AnswerBlocked(blocking.rule.reply or _CUT[self._language])
        return hidden(text, _masked(findings), self._language)

    def _let_through(self, text: str) -> str | None:
        findings = self._rules.find(text, "passages")
        self.interventions += interventions(findings, "passages")
        if any(each.rule.action == "block" for each in findings):
            return None
        return hidden(text, _masked(findings), self._language)

    async def feed(self, text: str) -> str:
        """Take the next piece of the answer; return what may be shown now. Raises `AnswerBlocked`."""
        if not text:
            return ""
        self._held += text
        seen = self._context + self._held
        settled = min(self._rules.settled(seen, "output"), unfinished_placeholder(seen))
        return await self._judged(self._checked(max(0, settled - len(self._context))), is_end=False)

    async def finish(self) -> str:
        """Return what was held back to the end. Raises `AnswerBlocked`."""
        return await self._judged(self._checked(len(self._held)), is_end=True)

    def _checked(self, settled: int) -> str:
        """Let go of so many characters that were held back, as the rules leave them."""
        if not settled:
            return ""
        begin, seen = len(self._context), self._context + self._held
        end = begin + settled
        findings = [
            Finding(max(each.start, begin) - begin, min(each.end, end) - begin, each.rule)
            for each in self._rules.find(seen, "output")
            if each.end > begin and each.start < end
        ]
        released, self._held = self._held[:settled], self._held[settled:]
        self._context = seen[:end][-CONTEXT:]
        self.interventions += interventions(findings, "output")
        if blocking := next((each for each in findings if each.rule.action == "block"), None):
            allowed = [each for each in _masked(findings) if each.end <= blocking.start]
            # What a service outside has not seen yet is not shown either.
            before = "" if self._moderator else hidden(released[: blocking.start], allowed, self._language)
            raise AnswerBlocked(before + (blocking.rule.reply or _CUT[self._language]))
        return hidden(released, _masked(findings), self._language)

    async def _judged(self, text: str, *, is_end: bool) -> str:
        """Ask the service outside, where there is one, about whole sentences."""
        if not self._moderator:
            return text
        self._unjudged += text
        if not self._unjudged or not (is_end or _is_window(self._unjudged)):
            return ""
        asked, self._unjudged = self._unjudged, ""
        judgement = await self._moderator.judge(asked, "output")
        self.interventions += judged(judgement, "output")
        if judgement.action == "block":
            raise AnswerBlocked(judgement.text or _CUT[self._language])
        return judgement.text


def _masked(findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.rule.action == "mask"]


def _is_window(text: str) -> bool:
    return len(text) >= WINDOW and (text.endswith(_ENDS) or len(text) >= 2 * WINDOW)
