"""Summaries by rules."""

from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.summaries import summary_of
from src.domains.chat.services.tokens import estimated_tokens


def turn(question: str, answer: str) -> list[PromptMessage]:
    return [PromptMessage("user", question), PromptMessage("assistant", answer)]


LEAVE = turn("연차는\n며칠이야?", "안내드립니다. 연차는 1년에 15일입니다. [1] 이월은 5일까지 됩니다. [2]")
HOTEL = turn(
    "What is the hotel limit in London?",
    "Let me see. The limit is £165 per night [1]. Breakfast is not in it.",
)


def test_each_turn_is_told_by_its_question_and_the_sentence_with_a_source() -> None:
    assert summary_of("", [*LEAVE, *HOTEL], 400) == (
        "- 연차는 며칠이야? → 연차는 1년에 15일입니다.\n"
        "- What is the hotel limit in London? → The limit is £165 per night."
    )


def test_without_a_source_the_first_sentence_is_told() -> None:
    assert summary_of("", turn("Who are you?", "Your assistant. Ask me anything."), 400) == (
        "- Who are you? → Your assistant."
    )


def test_the_summary_before_comes_first_and_is_shortened() -> None:
    """Also one that a model wrote in prose."""
    before = "- 재택은? → 주 이틀.\nThe person asked about parking. " + "It was long " * 40 + "."

    lines = summary_of(before, LEAVE, 400).splitlines()

    assert lines[0] == "- 재택은? → 주 이틀."
    assert lines[1] == "The person asked about parking."
    assert lines[2].endswith("…")
    assert lines[3].startswith("- 연차는 며칠이야? →")


def test_where_the_room_ends_the_oldest_is_left_out() -> None:
    lines = summary_of("- old → one", [*LEAVE, *HOTEL], 25).splitlines()

    assert len(lines) == 1
    assert "London" in lines[0]


def test_a_question_without_an_answer_is_not_told() -> None:
    assert summary_of("", [PromptMessage("user", "Lost?"), *LEAVE], 400).startswith("- 연차는")


@given(st.text(max_size=300), st.lists(st.tuples(st.text(max_size=300), st.text(max_size=300)), max_size=6))
def test_a_summary_of_a_summary_stays_in_its_bound(previous: str, turns: list[tuple[str, str]]) -> None:
    messages = [message for question, answer in turns for message in turn(question, answer)]
    once = summary_of(previous, messages, 120)
    assert estimated_tokens(once) <= 120
    assert estimated_tokens(summary_of(once, messages, 120)) <= 120
