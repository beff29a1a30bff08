"""Laws of citations: what is shown points to passages that were given, however the answer comes in."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.citations import CitationCheck
from tests.unit.domains.chat.passages import passages

SHOWN_MARK = re.compile(r"\[(\d{1,3})\]")

written = st.lists(
    st.one_of(
        st.sampled_from(list("[]［］【】0123456789,，、^ \n.a가")),
        st.sampled_from(
            ["[1]", " [9]", "[1, 2]", "【3】", "[^2]", "[12", "[[9]1]", "［1］", "days", "입니다."]
        ),
    ),
    max_size=30,
).map("".join)
with_code = st.lists(
    st.sampled_from(["`", "```", "\n", "[1]", "[9]", "x[5]", " ", "[1, 9]", "[", "2]", "a", "``"]),
    max_size=30,
).map("".join)


def checked(*pieces: str, sources: int = 3) -> tuple[str, list[int]]:
    """Return what is shown of an answer that comes in these pieces, and what it cites."""
    check = CitationCheck(passages(sources))
    shown = "".join(check.feed(piece) for piece in pieces) + check.finish()
    return shown, [citation.index for citation in check.citations]


def cut(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


@given(written, st.integers(0, 4))
def test_no_mark_of_a_source_that_does_not_exist_is_shown(text: str, sources: int) -> None:
    shown, cited = checked(text, sources=sources)
    marks = {int(number) for number in SHOWN_MARK.findall(shown)}
    assert marks <= set(range(1, sources + 1))
    assert marks <= set(cited)


@given(st.one_of(written, with_code), st.lists(st.integers(0, 200), max_size=8), st.integers(0, 4))
def test_how_an_answer_is_cut_into_pieces_changes_nothing(text: str, places: list[int], sources: int) -> None:
    assert checked(*cut(text, places), sources=sources) == checked(text, sources=sources)


@given(
    st.text(st.characters(exclude_characters="[［【`"), max_size=60), st.lists(st.integers(0, 60), max_size=5)
)
def test_what_holds_no_bracket_comes_out_as_it_went_in(text: str, places: list[int]) -> None:
    assert checked(*cut(text, places)) == (text, [])


@pytest.mark.parametrize(
    ("text", "shown", "cited"),
    [
        ("26 days [1].", "26 days [1].", [1]),
        ("26 days [1, 2].", "26 days [1][2].", [1, 2]),
        ("26 days[1，3].", "26 days[1][3].", [1, 3]),
        ("26 days [1][2].", "26 days [1][2].", [1, 2]),
        ("15일입니다【1】.", "15일입니다[1].", [1]),
        ("15일입니다 ［２］.", "15일입니다 [2].", [2]),
        ("26 days [^3].", "26 days [3].", [3]),
        ("26 days [1, 9].", "26 days [1].", [1]),
        ("26 days [0] or [9].", "26 days or.", []),
        ("Since [2024] it is so.", "Since [2024] it is so.", []),
        ("[[9]1] and [1[9]]", "[ 1] and [1 ]", []),
        ("A [link](https://example.com) and [x].", "A [link](https://example.com) and [x].", []),
    ],
)
def test_the_forms_of_marks_become_one(text: str, shown: str, cited: list[int]) -> None:
    """Lists, footnotes and wide brackets are marks too; years and links are not."""
    assert checked(text) == (shown, cited)


@pytest.mark.parametrize(
    "text",
    ["Call `rows[1]` first.", "```python\nprint(rows[7])\n```", "~ ``a`[9]`` ~", "```\nrows[9]"],
)
def test_in_code_brackets_are_the_codes_own(text: str) -> None:
    """An index into a list cites nothing, and is not taken out."""
    assert checked(text) == (text, [])


def test_after_code_marks_are_marks_again() -> None:
    """A closed block, a closed span, and a stray backtick at the end of its line."""
    assert checked("```\nx[9]\n``` so [9][1] `y[2]` [2] a ` b\n[9] [3]") == (
        "```\nx[9]\n``` so[1] `y[2]` [2] a ` b\n [3]",
        [1, 2, 3],
    )


def test_passages_that_come_meanwhile_can_be_cited_from_then_on() -> None:
    """A tool's passages are numbered after those that were there."""
    check = CitationCheck(passages(1))
    assert check.feed("One [1], not yet [2]. ") == "One [1], not yet."
    assert check.add(passages(3)[1:]) == 2
    assert check.feed("Now [2][3], never [4].") == " Now [2][3], never."
    assert [(citation.index, citation.text) for citation in check.citations] == [
        (1, "Passage 1."),
        (2, "Passage 2."),
        (3, "Passage 3."),
    ]


def test_only_what_may_become_a_mark_is_held_back() -> None:
    """People see words as they come."""
    check = CitationCheck(passages(1))
    assert [check.feed(piece) for piece in ["Hello ", "there [", "1", "] and [", "x"]] == [
        "Hello",
        " there",
        "",
        " [1] and",
        " [x",
    ]
