"""`python -m tests.guardrails.figures`: precision and recall of the rules on the labelled texts."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from src.domains.chat.services.guardrail import Rule, RuleSet
from src.infrastructure.guardrails.rules import DETECTORS, CompiledRules

HERE = Path(__file__).parent
EVERYWHERE = frozenset(("input", "output", "passages"))
PARTS = ("tuned", "first_look", "held_out")


@dataclass
class Figures:
    """How often a category was found rightly, was missed, and was found where it is not."""

    right: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    def recall(self, *categories: str) -> float:
        right, missed = (sum(counts[each] for each in categories) for counts in (self.right, self.missed))
        return right / (right + missed) if right + missed else 1.0

    def precision(self, *categories: str) -> float:
        right, wrong = (sum(counts[each] for each in categories) for counts in (self.right, self.wrong))
        return right / (right + wrong) if right + wrong else 1.0


PERSONAL = tuple(category for category in DETECTORS if category != "injection")


def all_rules() -> CompiledRules:
    """Return the rules with everything looked for."""
    return CompiledRules([Rule(uuid4(), category, "mask", EVERYWHERE) for category in DETECTORS])


def labelled(name: str, *parts: str) -> Iterator[dict[str, Any]]:
    rows = map(json.loads, (HERE / f"{name}.jsonl").read_text().splitlines())
    return (row for row in rows if row["part"] in parts)


def measure(rules: RuleSet, parts: Iterable[str], *, tell: bool = False) -> Figures:
    """Look at all texts; whatever a text is not labelled with is not to be found in it."""
    figures = Figures()
    for name in ("pii", "lookalikes", "injections", "instructions"):
        for row in labelled(name, *parts):
            expected = [("injection", row["text"])] if name == "injections" else row.get("expected", [])
            _compare(
                figures, row["text"], rules, [(category, value) for category, value in expected], tell=tell
            )
    return figures


def _compare(
    figures: Figures, text: str, rules: RuleSet, expected: list[tuple[str, str]], *, tell: bool
) -> None:
    found = [(each.rule.category, text[each.start : each.end]) for each in rules.find(text, "input")]
    for category, value in expected:
        # An attempt is found whichever part of the text it was seen in.
        hit = next(
            (each for each in found if each[0] == category and (category == "injection" or value in each[1])),
            None,
        )
        (figures.right if hit else figures.missed)[category] += 1
        if hit:
            found.remove(hit)
        elif tell:
            print(f"MISSED {category} {value[:60]!r} in {text!r}")
    for category, value in found:
        if category == "injection" and any(each == "injection" for each, _value in expected):
            continue
        figures.wrong[category] += 1
        if tell:
            print(f"WRONG {category} {value!r} in {text!r}")


def harmless_flagged(rules: RuleSet, parts: Iterable[str]) -> tuple[int, int]:
    """Return how many harmless texts are taken for an attempt, and of how many."""
    texts = [row["text"] for name in ("lookalikes", "instructions", "pii") for row in labelled(name, *parts)]
    flagged = sum(
        any(each.rule.category == "injection" for each in rules.find(text, "input")) for text in texts
    )
    return flagged, len(texts)


def main() -> None:
    rules, tell = all_rules(), "--tell" in sys.argv
    chosen = [part for part in PARTS if part in sys.argv] or list(PARTS)
    for part in chosen:
        figures = measure(rules, [part], tell=tell)
        print(f"\n{part}\n| category | texts | precision | recall |\n| --- | ---: | ---: | ---: |")
        for category in DETECTORS:
            count = figures.right[category] + figures.missed[category]
            precision, recall = figures.precision(category), figures.recall(category)
            print(f"| {category} | {count} | {precision:.3f} | {recall:.3f} |")
        print(
            f"| all but injection | | {figures.precision(*PERSONAL):.3f} | {figures.recall(*PERSONAL):.3f} |"
        )
        flagged, texts = harmless_flagged(rules, [part])
        print(f"harmless texts taken for an injection: {flagged} of {texts} ({flagged / texts:.2%})")
        lines = list(labelled("instructions", part))
        talk = sum(
            any(f.rule.category == "injection" for f in rules.find(row["text"], "input")) for row in lines
        )
        print(f"of those that talk about instructions: {talk} of {len(lines)} ({talk / len(lines):.2%})")


if __name__ == "__main__":
    main()
