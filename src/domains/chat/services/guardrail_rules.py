"""The guardrail's rules: administrators keep them, and each process has them ready in its memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypedDict, cast
from uuid import UUID

from src.domains.chat.models import GuardrailRule
from src.domains.chat.repositories.guardrail import GuardrailRuleRepository
from src.domains.chat.services.guardrail import (
    Action,
    Category,
    Direction,
    Finding,
    Judgement,
    Moderator,
    Rule,
    RuleCompiler,
    RuleSet,
)
from src.domains.chat.services.masking import Masker, hidden
from src.domains.chat.services.profiles import usable_profile
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent, utc_now
from src.shared.events.chat import GuardrailRuleFacts, GuardrailRulesChanged
from src.shared.exceptions.errors import Conflict, InvalidRequest, NotFound
from src.shared.language import detect_language
from src.shared.middleware.authentication import Principal

RULES = "chat.guardrail_rules"
"""The lock of those who decide by what rules there are."""
MOST_RULES = 200
MOST_TERMS = 500
"""Of all rules: each is looked for in each message."""
SHORTEST_TERM = 2

WITH_TERMS: frozenset[Category] = frozenset({"term", "denied_topic", "allowed_topic"})
TOPICS: frozenset[Category] = frozenset({"denied_topic", "allowed_topic"})


class UnknownRule(NotFound):
    code = "unknown_rule"


class InvalidRule(InvalidRequest):
    code = "invalid_rule"


class TooManyRules(Conflict):
    code = "too_many_rules"


class RuleChange(TypedDict, total=False):
    """What of a rule shall change; all of it for a new one."""

    category: Category
    action: Action
    directions: Sequence[Direction]
    terms: Sequence[str]
    profile_id: UUID | None
    reply: str
    is_enabled: bool


@dataclass(frozen=True)
class Trial:
    """What would become of a text."""

    action: Action | None
    text: str
    findings: Sequence[Finding]
    judgement: Judgement | None


class RuleBook:
    """The rules that hold now, ready for use. Implements `Replica`: a change is read anew, for they are few."""

    EVENTS = (GuardrailRulesChanged,)

    def __init__(self, database: Database, compile: RuleCompiler) -> None:
        self._database = database
        self._compile = compile
        self.current: RuleSet = compile(())

    async def position(self) -> int | None:
        return None

    async def rebuild(self, position: int) -> None:
        rules = await self._database.read(lambda uow: GuardrailRuleRepository(uow).all())
        self.current = self._compile([_rule(each) for each in rules if each.is_enabled])

    async def apply(self, events: Sequence[DomainEvent], position: int) -> None:
        if events:
            await self.rebuild(position)


class RuleService:
    """Administrators see, make, change, delete and try out rules."""

    def __init__(
        self,
        database: Database,
        book: RuleBook,
        moderator: Moderator | None,
        rules_are_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._book = book
        self._moderator = moderator
        self._rules_are_current = rules_are_current

    async def page(self, after: UUID | None, limit: int) -> Sequence[GuardrailRule]:
        rules = await self._database.read(lambda uow: GuardrailRuleRepository(uow).all())
        return list(islice((each for each in rules if after is None or each.id > after), limit))

    async def create(self, admin: Principal, change: RuleChange) -> GuardrailRule:
        def create(uow: UnitOfWork) -> GuardrailRule:
            rule = GuardrailRule(created_at=utc_now())
            self._apply(uow, admin, rule, change)
            GuardrailRuleRepository(uow).add(rule)
            uow.record(_event(admin, rule, "created"))
            return rule

        return await self._write(create)

    async def change(self, admin: Principal, rule_id: UUID, change: RuleChange) -> GuardrailRule:
        def apply(uow: UnitOfWork) -> GuardrailRule:
            rule = _find(uow, rule_id)
            before = _facts(rule)
            self._apply(uow, admin, rule, change)
            uow.record(_event(admin, rule, "changed", before))
            return rule

        return await self._write(apply)

    async def delete(self, admin: Principal, rule_id: UUID) -> None:
        def delete(uow: UnitOfWork) -> GuardrailRule:
            rule = _find(uow, rule_id)
            GuardrailRuleRepository(uow).delete(rule)
            uow.record(_event(admin, rule, "deleted", _facts(rule)))
            return rule

        await self._write(delete)

    async def try_out(self, text: str, direction: Direction, profile_id: UUID | None) -> Trial:
        """Return what the rules, and the service outside if there is one, would make of a text."""
        found = self._book.current.find(text, direction)
        findings = [each for each in found if each.rule.holds_for(profile_id)]
        actions = {each.rule.action for each in findings}
        masked = [each for each in findings if each.rule.action == "mask"]
        language = detect_language(text)
        told = Masker(language).mask(text, masked) if direction == "input" else hidden(text, masked, language)
        judgement = None
        if self._moderator and direction != "passages" and "block" not in actions:
            judgement = await self._moderator.judge(told, direction)
            actions |= {judgement.action} if judgement.action else set()
            told = judgement.text
        return Trial(_strictest(actions), told, findings, judgement)

    async def _write(self, work: Callable[[UnitOfWork], GuardrailRule]) -> GuardrailRule:
        """Change the rules one at a time; they hold here when this returns, elsewhere within a second."""

        def locked(uow: UnitOfWork) -> GuardrailRule:
            uow.lock(RULES)
            return work(uow)

        rule = await self._database.write(locked, alone=True)
        await self._rules_are_current()
        return rule

    def _apply(self, uow: UnitOfWork, admin: Principal, rule: GuardrailRule, change: RuleChange) -> None:
        for name, value in change.items():
            setattr(rule, name, list(value) if isinstance(value, tuple | list) else value)
        rule.updated_at = utc_now()
        if change.get("profile_id"):
            usable_profile(uow, cast("UUID", change["profile_id"]), admin)
        _check(rule)
        others = [each for each in GuardrailRuleRepository(uow).all() if each is not rule]
        if len(others) >= MOST_RULES:
            raise TooManyRules(f"There are {MOST_RULES} rules, and there can be no more.")
        if sum(len(each.terms) for each in others) + len(rule.terms) > MOST_TERMS:
            raise TooManyRules(f"All rules together can have {MOST_TERMS} terms.")


def _check(rule: GuardrailRule) -> None:
    """Raise `InvalidRule` for what could not mean anything."""
    is_topic = rule.category in TOPICS
    faults = {
        "A rule looks somewhere: name at least one direction.": not rule.directions,
        "This category is looked for by its terms: name at least one.": (rule.category in WITH_TERMS)
        and not rule.terms,
        "This category has no terms of its own.": bool(rule.terms) and rule.category not in WITH_TERMS,
        f"A term has at least {SHORTEST_TERM} letters or digits.": any(
            sum(map(str.isalnum, term)) < SHORTEST_TERM for term in rule.terms
        ),
        "Topics are those of questions: their direction is `input`.": is_topic
        and rule.directions != ["input"],
        "A topic cannot be masked: block it, or flag it.": is_topic and rule.action == "mask",
        "Only topics are a profile's own.": rule.profile_id is not None and not is_topic,
        "Answers are not looked at for injections: the directions are `input` and `passages`.": (
            rule.category == "injection" and "output" in rule.directions
        ),
    }
    for fault, holds in faults.items():
        if holds:
            raise InvalidRule(fault)


def _find(uow: UnitOfWork, rule_id: UUID) -> GuardrailRule:
    rule = GuardrailRuleRepository(uow).get(rule_id)
    if rule is None:
        raise UnknownRule("There is no such rule.")
    return rule


def _rule(rule: GuardrailRule) -> Rule:
    return Rule(
        id=rule.id,
        category=cast("Category", rule.category),
        action=cast("Action", rule.action),
        directions=frozenset(cast("list[Direction]", rule.directions)),
        terms=tuple(rule.terms),
        profile_id=rule.profile_id,
        reply=rule.reply,
    )


def _strictest(actions: set[Action]) -> Action | None:
    order: tuple[Action, ...] = ("block", "mask", "flag")
    return next((action for action in order if action in actions), None)


def _event(
    admin: Principal,
    rule: GuardrailRule,
    change: Literal["created", "changed", "deleted"],
    before: GuardrailRuleFacts | None = None,
) -> GuardrailRulesChanged:
    return GuardrailRulesChanged(
        rule_id=rule.id,
        user_id=admin.user_id,
        change=change,
        before=before,
        **_facts(rule).model_dump(),
    )


def _facts(rule: GuardrailRule) -> GuardrailRuleFacts:
    return GuardrailRuleFacts(
        category=rule.category,
        action=rule.action,
        directions=tuple(rule.directions),
        profile_id=rule.profile_id,
        is_enabled=rule.is_enabled,
        terms=len(rule.terms),
    )
