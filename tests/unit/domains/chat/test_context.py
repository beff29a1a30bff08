"""Laws of what fits into a model's context."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.domains.chat.services.context import (
    TRUSTED,
    budget,
    due_for_summary,
    fit,
    fit_history,
    fit_passages,
    history_tokens,
    shortened,
)
from src.domains.chat.services.ports import ContextTooLong, PromptMessage, ToolSpec
from src.domains.chat.services.sources import sources_text
from src.domains.chat.services.tokens import estimated_tokens
from src.shared.events.knowledge import Passage
from tests.unit.domains.chat.passages import passage

contents = st.one_of(
    st.sampled_from(["", "연차는 며칠이야?", "15일입니다. [1]", "And abroad?"]),
    st.integers(0, 600).map(lambda length: "가나 " * length),
)
messages = st.builds(PromptMessage, st.sampled_from(["user", "assistant"]), contents)
histories = st.lists(messages, max_size=14)
passages = st.lists(st.integers(0, 1_200).map(lambda length: passage("옷 one\n" * length)), max_size=6)
tokens = st.integers(0, 3_000)


def turns_of(history: list[PromptMessage]) -> list[PromptMessage]:
    """Return the messages that are a question with its answer."""
    return [
        message
        for asked, answered in pairwise(history)
        if asked.role == "user" and answered.role == "assistant" and asked.content and answered.content
        for message in (asked, answered)
    ]


def taken(history: tuple[PromptMessage, ...]) -> int:
    return sum(estimated_tokens(message.content) for message in history)


@given(histories, tokens)
def test_history_stays_in_its_budget_and_alternates(history: list[PromptMessage], room: int) -> None:
    kept = fit_history(history, room)
    assert taken(kept) <= room
    assert [message.role for message in kept] == ["user", "assistant"] * (len(kept) // 2)
    assert all(message.content for message in kept)


@given(histories, tokens)
def test_the_newest_whole_turns_are_kept_in_their_order(history: list[PromptMessage], room: int) -> None:
    """As many as fit; only when not even the last does it is cut."""
    whole, kept = turns_of(history), list(fit_history(history, room))
    if kept and kept == whole[-len(kept) :]:
        assert len(kept) == len(whole) or history_tokens(whole[-len(kept) - 2 :]) > room
    else:
        assert history_tokens(whole[-2:]) > room or not whole
        for cut, message in zip(kept, whole[-2:], strict=bool(kept)):
            assert message.content.startswith(cut.content.removesuffix("…"))


@settings(deadline=None)
@given(passages, tokens)
def test_passages_stay_in_their_budget_best_first(found: list[Passage], room: int) -> None:
    kept = fit_passages(found, room)
    assert not kept or estimated_tokens(sources_text(kept)) <= room
    if len(kept) > 1:
        assert list(kept) == found[: len(kept)]
    elif kept:
        assert found[0].text.startswith(kept[0].text.removesuffix("…"))
    if len(kept) < len(found):
        assert estimated_tokens(sources_text(found[: len(kept) + 1])) > room - 3 * len(found)


@settings(deadline=None)
@given(histories, passages, st.integers(500, 12_000), st.integers(16, 4_000), st.booleans())
def test_all_parts_together_stay_below_what_may_be_trusted(
    history: list[PromptMessage],
    found: list[Passage],
    context_tokens: int,
    max_output_tokens: int,
    has_tools: bool,
) -> None:
    """A tokenizer that makes a third more tokens of everything still fits beside the whole answer."""
    system, question = "You are an assistant. " * 10, "연차는 며칠이야?"
    tools = [ToolSpec("search", "Finds passages.", {"type": "object"})] if has_tools else []
    room = budget(
        context_tokens=context_tokens,
        max_output_tokens=max_output_tokens,
        system=system,
        question=question,
        tools=tools,
    )
    fitted = fit(room, history, found)
    given_tokens = (
        estimated_tokens(system)
        + estimated_tokens(question)
        + (estimated_tokens(sources_text(fitted.passages)) if fitted.passages else 0)
        + history_tokens(fitted.history)
        + fitted.results
    )
    assert given_tokens / TRUSTED + fitted.answer <= context_tokens
    assert 0 < fitted.answer <= max_output_tokens


@given(st.text(max_size=300), tokens)
def test_a_text_is_cut_to_its_tokens(text: str, room: int) -> None:
    cut = shortened(text, room)
    assert estimated_tokens(cut) <= room
    assert cut == text or text.startswith(cut.removesuffix("…"))


def test_without_history_the_sources_have_all_the_room() -> None:
    """And a long history leaves them more than half of it."""
    room = budget(context_tokens=4_000, max_output_tokens=1_000, system="Be brief.", question="Why?")
    found = [passage("word " * 250) for _ in range(20)]
    turn = [PromptMessage("user", "word " * 150), PromptMessage("assistant", "word " * 150)]

    alone, beside = fit(room, [], found), fit(room, turn * 20, found)

    assert estimated_tokens(sources_text(alone.passages)) > 0.8 * (room.sources + room.history)
    assert len(beside.passages) > len(alone.passages) / 2
    assert len(beside.history) >= 4


def test_a_question_that_cannot_fit_is_refused_with_what_to_do() -> None:
    """The model would refuse it too, later and in its own words."""
    with pytest.raises(ContextTooLong, match="Shorten the message") as refused:
        budget(context_tokens=2_000, max_output_tokens=500, system="Be brief.", question="가" * 3_000)
    assert refused.value.status == 422


def test_a_model_that_may_write_more_than_its_context_leaves_half_of_it() -> None:
    """Settings may name both numbers as the maker does."""
    room = budget(context_tokens=2_048, max_output_tokens=4_096, system="Be brief.", question="Why?")
    assert room.answer == 1_024
    assert room.sources > 400


@given(histories, st.integers(1, 3_000))
def test_a_summary_covers_the_oldest_messages_before_any_is_left_out(
    history: list[PromptMessage], room: int
) -> None:
    """While nothing is due, all turns fit; what is not covered fits, unless a single turn is larger."""
    due = due_for_summary(history, room)
    assert list(due) == history[: len(due)]
    if history_tokens(history) <= room * 0.75:
        assert not due
    else:
        rest = history[len(due) :]
        assert len(turns_of(rest)) == 2 or history_tokens(rest) <= room * 0.5
