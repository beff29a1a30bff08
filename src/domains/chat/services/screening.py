"""What people say is looked at before it is saved and before a model is told it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from src.domains.chat.services.follow_ups import stand_alone
from src.domains.chat.services.guardrail import (
    Action,
    Category,
    Direction,
    Finding,
    Judgement,
    Moderator,
    Rule,
    RuleSet,
)
from src.domains.chat.services.guardrail_rules import RuleBook
from src.domains.chat.services.masking import Masker, hidden, label
from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.turn import Ask, OpenRequest
from src.shared.events.chat import GuardrailIntervened
from src.shared.language import detect_language
from src.shared.middleware.authentication import Principal

TOPICS: frozenset[Category] = frozenset({"denied_topic", "allowed_topic"})

_BLOCKED = {
    "ko": "이 메시지에는 회사 정책상 보낼 수 없는 내용({what})이 있어 처리하지 않았습니다. "
    "그 부분을 빼고 다시 질문해 주세요.",
    "en": "This message was not answered: it holds what the company does not allow here ({what}). "
    "Leave that out and ask again.",
}
_OFF_TOPIC = {
    "ko": "이 어시스턴트가 다루는 주제가 아니어서 답하지 않았습니다.",
    "en": "This is not a topic of this assistant, so it was not answered.",
}
OUTSIDE = "outside"
"""What is told as the category where a service outside intervened: its own words are its own."""


@dataclass(frozen=True)
class Intervention:
    """What the guardrail did, without any text; `rule_id` is none where a service outside did it."""

    direction: Direction
    action: Action
    category: str
    rule_id: UUID | None
    count: int

    def event(self, asker: Principal, session_id: UUID, answer_id: UUID) -> GuardrailIntervened:
        return GuardrailIntervened(
            session_id=session_id,
            answer_id=answer_id,
            user_id=asker.user_id,
            group_ids=asker.group_ids,
            **vars(self),
        )


def interventions(findings: Iterable[Finding], direction: Direction) -> list[Intervention]:
    """Return what rules did, once for each."""
    counts = Counter(finding.rule for finding in findings)
    return [
        Intervention(direction, rule.action, rule.category, rule.id, count) for rule, count in counts.items()
    ]


def judged(judgement: Judgement, direction: Direction) -> list[Intervention]:
    """Return what a service outside did."""
    if judgement.action is None:
        return []
    found = judgement.found or {OUTSIDE: 1}
    return [Intervention(direction, judgement.action, each, None, count) for each, count in found.items()]


@dataclass(frozen=True)
class Screened:
    """A request as it may go on. Which rules of topics hold is known when its session is."""

    ask: Ask
    values: Mapping[str, str] = field(default_factory=dict)
    """What was masked and can be restored, by placeholder."""
    findings: Sequence[Finding] = ()
    judgement: Judgement | None = None
    rules: RuleSet | None = None

    def holding(self, profile_id: UUID | None, history: Sequence[PromptMessage]) -> list[Finding]:
        """Return the findings that count for this profile. A follow-up is on the topic that it follows."""
        findings = [each for each in self.findings if each.rule.holds_for(profile_id)]
        if self.rules and history and any(each.rule.category == "allowed_topic" for each in findings):
            still = {each.rule for each in self.rules.find(stand_alone(history, self.ask.content), "input")}
            findings = [
                each for each in findings if each.rule.category != "allowed_topic" or each.rule in still
            ]
        return findings

    def interventions(self, findings: Sequence[Finding]) -> list[Intervention]:
        outside = judged(self.judgement, "input") if self.judgement else []
        return [*interventions(findings, "input"), *outside]

    def refusal(self, findings: Sequence[Finding]) -> str | None:
        """Return what the asker is told instead of an answer, if the message is not to be answered."""
        language = detect_language(self.ask.content)
        if blocking := next((each.rule for each in findings if each.rule.action == "block"), None):
            return blocking.reply or _refusal_of(blocking, language)
        if self.judgement and self.judgement.action == "block":
            return self.judgement.text
        return None


def _refusal_of(rule: Rule, language: Literal["ko", "en"]) -> str:
    if rule.category in TOPICS:
        return _OFF_TOPIC[language]
    return _BLOCKED[language].format(what=label(rule.category, language))


class Screener:
    """Looks at all that a request brings: the question, and what a program tells of its conversation."""

    def __init__(self, rules: RuleBook, moderator: Moderator | None) -> None:
        self._rules = rules
        self._moderator = moderator

    @property
    def rules(self) -> RuleSet:
        return self._rules.current

    async def screen(self, ask: Ask) -> Screened:
        """Return the request without what is not to be told; raise `GuardrailUnavailable`."""
        rules = self.rules
        findings = list(rules.find(ask.content, "input"))
        masker = Masker(detect_language(ask.content)) if findings or ask.request else _NOTHING
        content = masker.mask(ask.content, filter(_is_hidden, findings))
        request = self._request(ask.request, masker, findings) if ask.request else None
        judgement = None
        if self._moderator and not any(each.rule.action == "block" for each in findings):
            judgement = await self._moderator.judge(content, "input")
            content = judgement.text if judgement.action == "mask" else content
        return Screened(
            replace(ask, content=content, request=request), masker.values, findings, judgement, rules
        )

    def _request(self, request: OpenRequest, masker: Masker, findings: list[Finding]) -> OpenRequest:
        """Mask what a program tells; what blocks in it, blocks the request."""

        def looked_at(message: PromptMessage) -> PromptMessage:
            direction: Direction = "passages" if message.role == "tool" else "input"
            found = [
                each for each in self.rules.find(message.content, direction) if _is_of_text(each, message)
            ]
            findings.extend(found)
            calls = tuple(
                replace(call, arguments=masker.mask(call.arguments, self._personal(call.arguments)))
                for call in message.tool_calls
            )
            return replace(
                message, content=masker.mask(message.content, filter(_is_hidden, found)), tool_calls=calls
            )

        return replace(
            request,
            system=masker.mask(request.system, self._personal(request.system)),
            history=tuple(map(looked_at, request.history)),
            said_since=tuple(map(looked_at, request.said_since)),
        )

    def _personal(self, text: str) -> list[Finding]:
        """Return what is hidden in a text that commands by its nature: a program's system text, calls of tools."""
        found = self.rules.find(text, "input")
        return [
            each for each in found if _is_hidden(each) and each.rule.category not in ("injection", *TOPICS)
        ]


def hidden_in(text: str, rules: RuleSet) -> str:
    """Return a text that no model is told without what a question would lose; nothing of it can be restored."""
    return hidden(text, filter(_is_hidden, rules.find(text, "input")), detect_language(text))


_NOTHING = Masker("en")


def _is_hidden(finding: Finding) -> bool:
    """Whether it is taken out of the text. Of what is blocked for its meaning, its writer sees what they wrote."""
    rule = finding.rule
    return rule.action == "mask" or (rule.action == "block" and rule.category not in ("injection", *TOPICS))


def _is_of_text(finding: Finding, message: PromptMessage) -> bool:
    """Whether it counts: topics are the question's, and of an assistant's words only what is masked."""
    if finding.rule.category in TOPICS:
        return False
    return message.role != "assistant" or finding.rule.action == "mask"
