"""Rules for tests that need no database."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from src.domains.chat.services.guardrail import Action, Category, Rule
from src.infrastructure.guardrails.rules import CompiledRules

EVERYWHERE = frozenset(("input", "output", "passages"))


def rule(category: Category, action: Action = "mask", **more: Any) -> Rule:
    return Rule(uuid4(), category, action, **{"directions": EVERYWHERE, **more})


def compiled(*categories: Category) -> CompiledRules:
    return CompiledRules([rule(category) for category in categories])


def found(rules: CompiledRules, text: str) -> list[str]:
    return [text[each.start : each.end] for each in rules.find(text, "input")]


def with_terms(terms: Sequence[str], action: Action = "block") -> CompiledRules:
    return CompiledRules([rule("term", action, terms=tuple(terms))])
