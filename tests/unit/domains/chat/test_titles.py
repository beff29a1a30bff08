"""Titles by rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.titles import TITLE_CHARACTERS, title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("안녕하세요, 연차 이월 규정 알려주세요", "연차 이월 규정"),
        ("혹시 육아휴직에 대해서 자세히 설명해 주실 수 있나요? 감사합니다!", "육아휴직"),
        ("길잡이가 뭐예요?", "길잡이"),
        ("길잡이 알려줘", "길잡이"),
        ("노트북 교체 주기가 어떻게 되나요?", "노트북 교체 주기"),
        ("질문 있습니다. 법인카드 한도가 궁금합니다.", "법인카드 한도"),
        ("저는 신입입니다. 연차는 며칠인가요?", "연차는 며칠인가요"),
        ("Hi there! Can you tell me how to book leave?", "How to book leave"),
        ("could you please explain the sick pay rules? thanks in advance", "The sick pay rules"),
        ("I'd like to know about parking in Rotterdam.", "Parking in Rotterdam"),
        ("I'm new here. What's the deadline for claims? It is urgent.", "What's the deadline for claims"),
        ("iPhone 지원 되나요?", "iPhone 지원 되나요"),
        ("## **비밀번호** 규칙 좀 알려줘", "비밀번호 규칙"),
        (
            "What is the limit for a hotel in London when I travel?",
            "What is the limit for a hotel in London…",
        ),
        ("가" * 90, "가" * 39 + "…"),
    ],
)
def test_the_topic_of_the_first_question_in_few_words(question: str, title: str) -> None:
    """Greetings, thanks and forms of asking are left out; the mark at the end too; long ones end at a word."""
    assert title_of(question) == title


@pytest.mark.parametrize(("question", "title"), [("안녕!", "안녕!"), ("tell me", "Tell me"), ("?", "?")])
def test_a_message_that_is_nothing_but_form_is_its_own_title(question: str, title: str) -> None:
    """A conversation always has a name."""
    assert title_of(question) == title


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_message_gives_one_line_that_is_not_too_long(question: str) -> None:
    title = title_of(question)
    assert len(title) <= TITLE_CHARACTERS
    assert "\n" not in title
    assert title or not question.strip()
