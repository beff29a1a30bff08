"""What the rules find in labelled texts: `python -m tests.guardrails.figures` prints it by category."""

import pytest

from tests.guardrails.figures import PARTS, PERSONAL, all_rules, harmless_flagged, labelled, measure

RULES = all_rules()


@pytest.mark.parametrize("name", ["pii", "lookalikes", "injections", "instructions"])
def test_there_are_enough_labelled_texts_of_each_kind(name: str) -> None:
    texts = {row["text"] for row in labelled(name, *PARTS)}
    assert len(texts) >= 300
    assert len({row["text"] for row in labelled(name, "held_out")}) >= 90


@pytest.mark.parametrize("part", PARTS)
def test_what_says_who_one_is_is_found_and_little_else(part: str) -> None:
    figures = measure(RULES, [part])
    assert figures.recall(*PERSONAL) >= 0.98
    assert figures.precision(*PERSONAL) >= 0.98
    for category in PERSONAL:
        assert figures.recall(category) >= 0.95, category
        assert figures.precision(category) >= 0.95, category


@pytest.mark.parametrize(("part", "recall"), [("tuned", 0.97), ("first_look", 0.97), ("held_out", 0.8)])
def test_injections_are_found_and_harmless_texts_are_not_taken_for_them(part: str, recall: float) -> None:
    assert measure(RULES, [part]).recall("injection") >= recall
    flagged, texts = harmless_flagged(RULES, [part])
    assert flagged <= 0.02 * texts
    talk = [row["text"] for row in labelled("instructions", part)]
    taken = [
        text for text in talk if any(each.rule.category == "injection" for each in RULES.find(text, "input"))
    ]
    assert len(taken) <= 0.02 * len(talk)
