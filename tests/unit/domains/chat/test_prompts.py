"""What models are told, and how their answers to small tasks are tamed."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.prompts import (
    DEFAULT_INSTRUCTIONS,
    SUMMARY_TOKENS,
    answer_system,
    clean_rewrite,
    clean_summary,
    clean_title,
    rewrite_prompt,
    summary_prompt,
    title_prompt,
)
from src.domains.chat.services.sources import sources_text
from src.domains.chat.services.titles import TITLE_CHARACTERS
from src.domains.chat.services.tokens import estimated_tokens
from src.shared.events.knowledge import Passage
from tests.unit.domains.chat.passages import passage

HISTORY = [PromptMessage("user", "연차는 며칠이야?"), PromptMessage("assistant", "15일입니다. [1]")]

nasty = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            [
                "\n",
                "\r",
                "\u2028",
                "\x0b",
                "\x1c",
                "[2] ",
                "> ",
                "# Sources",
                "<|im_start|>",
                "[INST]",
                "</s>",
                "x",
            ]
        ),
        max_size=12,
    ).map("".join),
)


def system(passages: list[Passage] | None = None, **changed: Any) -> str:
    values: dict[str, Any] = {
        "instructions": "",
        "language": "en",
        "without_sources": "say_so",
        "today": date(2026, 11, 24),
        "has_tools": False,
    }
    return answer_system(passages=passages or [], **{**values, **changed})


@given(st.lists(st.tuples(nasty, nasty, nasty), min_size=1, max_size=4), st.integers(1, 20))
def test_no_document_can_write_a_line_outside_its_quotation(
    texts: list[tuple[str, str, str]], first: int
) -> None:
    """Whatever title, location and text hold, there are as many heads as sources, and all else is quoted."""
    written = sources_text([passage(text, title, location) for title, location, text in texts], first)
    heads = [line for line in written.splitlines() if line and not line.startswith("> ")]
    assert [int(re.match(r"\[(\d+)\]", head).group(1)) for head in heads] == [  # type: ignore[union-attr]
        first + at for at in range(len(texts))
    ]
    assert not re.search(r"<\||</?s>|\[/?INST\]", written)


def test_sources_have_number_title_location_and_text() -> None:
    assert sources_text(
        [passage("One.\nTwo.", "Handbook", "Leave > Annual"), passage("Three.", "Plan", "")], 4
    ) == ("[4] Handbook — Leave > Annual\n> One.\n> Two.\n\n[5] Plan\n> Three.")


def test_the_system_text_has_the_profiles_words_the_rules_and_the_sources() -> None:
    text = system([passage("You get 26 days.")], instructions="You are Nuri.", language="ko", has_tools=True)

    assert text.startswith("You are Nuri.")
    assert DEFAULT_INSTRUCTIONS not in text
    assert "Tuesday, 2026-11-24" in text
    assert "Answer in Korean" in text
    assert "You may call tools" in text
    assert text.endswith("# Sources\n[1] Handbook — Leave\n> You get 26 days.")


def test_without_a_profile_the_platforms_own_assistant_speaks() -> None:
    text = system()

    assert text.startswith(DEFAULT_INSTRUCTIONS)
    assert "tools" not in text
    assert text.endswith("There are none for this question.")


def test_the_profile_says_what_becomes_of_a_question_without_sources() -> None:
    assert "Do not answer from your own knowledge" in system(without_sources="say_so")
    assert "does not come from the documents" in system(without_sources="answer")


def test_a_summary_is_quoted_and_bounded() -> None:
    """It holds words of people and documents, and no more than its share of the context."""
    text = system(summary="- Leave → 26 days.\n# Sources\n" + "word " * 5_000)

    assert "> - Leave → 26 days.\n> # Sources\n" in text
    assert estimated_tokens(text) < estimated_tokens(system()) + SUMMARY_TOKENS + 50


def test_small_tasks_alternate_and_are_bounded() -> None:
    """Long conversations are cut; each prompt ends with something to answer and says what it is for."""
    long = [PromptMessage(role, "긴 이야기 " * 2_000) for role in ("user", "assistant")] * 20
    prompts = [
        rewrite_prompt(long, "그럼 신입은?"),
        title_prompt("긴 질문 " * 2_000, "", "ko"),
        summary_prompt("- 연차 → 15일", long, 3_000),
    ]

    for prompt in prompts:
        roles = [message.role for message in prompt.messages]
        assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
        assert roles[-1] == "user"
        assert all(message.content for message in prompt.messages)
        assert sum(estimated_tokens(message.content) for message in prompt.messages) < 3_100
        assert prompt.temperature == 0
        assert prompt.max_tokens <= SUMMARY_TOKENS


def test_a_summary_is_made_of_the_one_before_and_of_every_turn() -> None:
    """All messages are in it, the longest cut; the earlier summary is quoted, and kept for models without text."""
    prompt = summary_prompt("연차는 15일.", [*HISTORY, PromptMessage("user", "x" * 9_000), HISTORY[1]], 400)

    assert prompt.messages[:2] == tuple(HISTORY)
    assert len(prompt.messages) == 5
    assert prompt.messages[2].content.endswith("x…")
    assert "> 연차는 15일." in prompt.system


@pytest.mark.parametrize(
    ("said", "rewritten"),
    [
        ("신입의 연차는 며칠이야?", "신입의 연차는 며칠이야?"),
        ('"신입의 연차는 며칠이야?"\n\n설명: 대화를 보면', "신입의 연차는 며칠이야?"),
        ("질문: 신입 직원의 연차는 며칠인가요?", "신입 직원의 연차는 며칠인가요?"),
        ("<think>신입?\nhm</think>\n**신입의 연차는 며칠이야?**", "신입의 연차는 며칠이야?"),
        ("", "연차는 며칠이야? 신입은?"),
        ("\n``` \n", "연차는 며칠이야? 신입은?"),
        ("How many days of leave does a newcomer get?", "연차는 며칠이야? 신입은?"),
        ("연차는 15일입니다.", "연차는 며칠이야? 신입은?"),
        ("신입 " * 400, "연차는 며칠이야? 신입은?"),
    ],
)
def test_what_is_no_rewritten_question_gives_way_to_the_rules(said: str, rewritten: str) -> None:
    """Quotation marks, labels and thoughts are taken off; an answer, another language or a flood is not used."""
    assert clean_rewrite(said, HISTORY, "그럼 신입은?") == rewritten


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("연차 이월 규정", "연차 이월 규정"),
        ('Title: "Carrying over leave."', "Carrying over leave"),
        ("제목: 연차 이월 [1]", "연차 이월"),
        ("# **Carrying over leave**\nThis title is short.", "Carrying over leave"),
        ("<think>A title", "Annual leave"),
        ("", "Annual leave"),
        (
            "Sure! Here is what I would call this conversation about annual leave: it deals with " * 2,
            "Annual leave",
        ),
        ("Carrying over leave into the next leave year", "Carrying over leave into the next leave…"),
        ("The title of this conversation:", "Annual leave"),
    ],
)
def test_a_title_is_one_short_line(said: str, title: str) -> None:
    """What is no title gives way to the one by rules."""
    assert clean_title(said, "Tell me about annual leave, please.") == title
    assert len(title) <= TITLE_CHARACTERS


@given(nasty, nasty)
def test_whatever_a_model_says_a_title_is_one_line_in_its_bound(said: str, question: str) -> None:
    title = clean_title(said, question)
    assert len(title) <= TITLE_CHARACTERS
    assert len(title.splitlines()) <= 1


def test_a_summary_of_a_model_loses_marks_and_what_is_too_long() -> None:
    assert clean_summary("<think>x</think> Leave is 26 days [1][2].") == "Leave is 26 days."
    assert estimated_tokens(clean_summary("말 " * 3_000)) <= SUMMARY_TOKENS
