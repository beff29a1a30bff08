"""Grounded or not: on labelled answers in both languages, and on a handbook's own words."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domains.chat.services.citations import Citation, CitationCheck
from src.domains.chat.services.grounding import is_grounded
from src.domains.chat.services.quantities import Quantities, Quantity, claimed_quantities
from src.shared.language import split_sentences
from tests.unit.domains.chat.passages import passage

TESTS = Path(__file__).parents[3]
LEAVE = "Full-time employees have 26 days of paid annual leave. Up to four unused days may be carried over."


def judged(answer: str, *texts: str) -> bool:
    """Judge an answer as it is shown: with the marks of these sources alone."""
    check = CitationCheck([passage(text, "Handbook", "") for text in texts])
    shown = check.feed(answer) + check.finish()
    return is_grounded(shown, check.citations)


def labelled() -> list[dict[str, Any]]:
    lines = (TESTS / "questions" / "grounding.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("held_out", [False, True])
def test_labelled_answers_are_told_apart(held_out: bool) -> None:
    """Of 97 answers: hardly any is called grounded that is not, and hardly any that is, is not called so.

    The third that is held out was not looked at while the rules were made; one mistake in it, a number of a
    list's item taken for a figure, was mended afterwards.
    """
    cases = [case for case in labelled() if case.get("held_out", False) == held_out]
    called = [case for case in cases if judged(case["answer"], *case["sources"])]
    right = [case for case in called if case["grounded"]]

    assert len(right) / len(called) >= 0.95
    assert len(right) / sum(case["grounded"] for case in cases) >= 0.95


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_documents_own_sentences_are_grounded_in_it(language: str) -> None:
    text = (TESTS / "documents" / f"handbook-{language}.md").read_text(encoding="utf-8")
    sections = [section for section in text.split("\n#") if len(section) > 40]
    for section in sections:
        for sentence in split_sentences(section.partition("\n")[2]):
            if not sentence.endswith((":", "같습니다.")) and not sentence.startswith("#"):
                assert judged(f"{sentence} [1]", section), sentence


@pytest.mark.parametrize(
    ("answer", "grounded"),
    [
        ("Yes [1].", True),
        ("You have 26 days [1]. You may carry over 4 [1].", True),
        ("You have 26 days. [1] Up to four may be carried over. [1]", True),
        ("You have 26 days [1], and 30 in your last year [1].", False),
        ("You have 26 days [1].\n\n```python\ndays = 99\n```", True),
        ("You have 26 days.", False),
        ("", False),
        ("[1]", False),
        ("The documents do not mention overtime [1].", False),
        ("You have 26 days [1]. The documents do not mention overtime.", True),
    ],
)
def test_what_counts_and_what_does_not(answer: str, grounded: bool) -> None:
    """Each part with its own marks; code aside; a refusal rests on nothing, nor does it spoil the rest."""
    assert judged(answer, LEAVE) is grounded


@given(st.text(max_size=200))
def test_without_a_citation_nothing_is_grounded(answer: str) -> None:
    assert not is_grounded(answer, [])


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["[1]", "\n", "|", "- ", "1. ", "```", ".", "26", "days", "같습니다:", "연차", " "]),
        max_size=40,
    ).map("".join),
    st.text(max_size=60),
)
def test_any_answer_and_any_passage_can_be_judged(answer: str, text: str) -> None:
    """Broken tables, marks without words and words without marks give an answer, not an error."""
    citation = Citation(index=1, document_id="d", passage_id="p", title="", location="", text=text)
    assert is_grounded(answer, [citation]) in {True, False}


@pytest.mark.parametrize(
    ("claimed", "text"),
    [
        ("5,000만 원", "최대 5천만 원까지"),
        ("15,000원", "1만 5천 원 한도"),
        ("2일", "한 주에 이틀까지"),
        ("3개월", "석 달 동안"),
        ("주 2일", "two days a week"),
        ("16:00", "오후 4시까지"),
        ("3:30 pm", "until 15:30"),
        ("6월 30일", "on 30 June"),
        ("8일째", "from the eighth day"),
        ("£2,500", "bikes up to 2500 pounds"),
        ("4 unused days", "up to four unused days"),
        ("1 month", "a month's notice"),
        ("2배", "at double rate"),
        ("1.5 million won", "1,500,000원"),
        ("20 working days", "20영업일"),
    ],
)
def test_numbers_are_found_in_the_other_form(claimed: str, text: str) -> None:
    assert all(Quantities.of(text).bear_out(number) for number in claimed_quantities(claimed))
    assert claimed_quantities(claimed)


@pytest.mark.parametrize(
    ("claimed", "text"),
    [
        ("3일", "3주 동안"),
        ("three weeks", "in the third month"),
        ("40만 원", "4만 원"),
        ("5시", "16:00부터 15명"),
        ("10%", "10명"),
        ("two weeks", "2 days"),
    ],
)
def test_another_number_or_another_unit_is_not_found(claimed: str, text: str) -> None:
    missing = [number for number in claimed_quantities(claimed) if not Quantities.of(text).bear_out(number)]
    assert missing


def test_words_that_may_be_no_numbers_are_not_claimed() -> None:
    """Also not the digits of a name."""
    assert claimed_quantities("first of all, one of them, a P45") == frozenset()
    assert claimed_quantities("one week") == {Quantity(1, "week")}
