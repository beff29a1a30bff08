"""Follow-up questions: which lean on those before, and what becomes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.follow_ups import is_follow_up, stand_alone
from src.domains.chat.services.ports import PromptMessage

QUESTIONS = Path(__file__).parents[3] / "questions"


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (QUESTIONS / name).read_text(encoding="utf-8").splitlines()]


def asked(*questions: str) -> list[PromptMessage]:
    return [
        message
        for question in questions
        for message in (PromptMessage("user", question), PromptMessage("assistant", "15일입니다. [1]"))
    ]


@pytest.mark.parametrize(
    ("earlier", "question", "rewritten"),
    [
        (["연차는 며칠이야?"], "그럼 신입은?", "연차는 며칠이야? 신입은?"),
        (["국내 출장 숙박비 알려줘", "일본은?"], "유럽은?", "국내 출장 숙박비 알려줘. 유럽은?"),
        (
            ["연차는 며칠이야?", "육아휴직은?"],
            "언제까지 신청해?",
            "연차는 며칠이야? 육아휴직은? 언제까지 신청해?",
        ),
        (["건강검진은 언제 해요?"], "배우자도 되나요?", "건강검진은 언제 해요? 배우자도 되나요?"),
        (["연차는 며칠이야?", "고마워요"], "신청은 어디서 해?", "연차는 며칠이야? 신청은 어디서 해?"),
        (["How long is probation?"], "And for managers?", "How long is probation? for managers?"),
        (["Can I take a sabbatical?"], "Is it paid?", "Can I take a sabbatical? Is it paid?"),
        (["Tell me about leave"], "By when?", "Tell me about leave. By when?"),
    ],
)
def test_a_follow_up_comes_behind_what_it_leans_on(earlier: list[str], question: str, rewritten: str) -> None:
    """The last question that stood alone; the one just before too, when the follow-up names nothing itself."""
    assert stand_alone(asked(*earlier), question) == rewritten


@pytest.mark.parametrize(
    "question",
    [
        "재택근무는 일주일에 며칠까지 되나요?",
        "상담팀도 재택 할 수 있나요?",
        "So what is the notice period for managers?",
        "Is it OK to use external AI tools?",
        "  What is the notice\nperiod for managers?",
        "고마워요!",
        "Thanks a lot",
    ],
)
def test_what_can_be_understood_alone_stays_word_for_word(question: str) -> None:
    """Also thanks: nobody asks for the same again by them."""
    assert stand_alone(asked("연차는 며칠이야?"), question) == question


def test_without_an_earlier_question_a_fragment_stays() -> None:
    """A greeting before it is no question."""
    assert stand_alone([], "신입은?") == "신입은?"
    assert stand_alone(asked("안녕하세요"), "신입은?") == "신입은?"


def test_follow_ups_are_told_from_other_questions() -> None:
    """Of labelled follow-ups at least 9 of 10 are seen; of other questions at most 2 of 100 are taken for one."""
    follow_ups = read("follow_ups.jsonl")
    held_out = [one for one in follow_ups if one.get("held_out")]
    others = [
        one
        for path in QUESTIONS.glob("*.jsonl")
        if path.stem.startswith(("handbook", "held_out", "unanswerable", "shared"))
        for one in read(path.name)
    ]

    assert sum(is_follow_up(one["question"]) for one in follow_ups) >= 0.9 * len(follow_ups)
    assert sum(is_follow_up(one["question"]) for one in held_out) >= 0.75 * len(held_out)
    assert sum(is_follow_up(one["question"]) for one in others) <= 0.02 * len(others)


@given(st.lists(st.text(max_size=400), max_size=8), st.text(max_size=400))
def test_whatever_was_said_the_question_is_in_it_and_it_is_bounded(earlier: list[str], question: str) -> None:
    rewritten = stand_alone(asked(*earlier), question)
    assert rewritten == question or len(rewritten) <= len(question) + 610
