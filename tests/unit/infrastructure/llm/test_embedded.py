"""The embedded model: what it takes, what it leaves out, and what it refuses."""

import re
from uuid import UUID

import pytest

from src.domains.chat.services.ports import ChatModel, ModelChunk, Prompt, PromptMessage
from src.infrastructure.llm.embedded import EmbeddedModel
from src.shared.events.knowledge import Passage

NOBODY = UUID(int=0)


def passage(text: str, title: str = "", location: str = "") -> Passage:
    return Passage(
        passage_id=NOBODY,
        document_id=NOBODY,
        collection_id=NOBODY,
        title=title,
        location=location,
        text=text,
        score=1.0,
    )


async def chunks_of(
    question: str, *passages: Passage, history: tuple[PromptMessage, ...] = ()
) -> list[ModelChunk]:
    model: ChatModel = EmbeddedModel()
    return [
        chunk
        async for chunk in model.stream(
            Prompt((*history, PromptMessage("user", question)), passages=passages)
        )
    ]


async def answer(question: str, *passages: Passage, history: tuple[PromptMessage, ...] = ()) -> str:
    return "".join(chunk.text for chunk in await chunks_of(question, *passages, history=history))


def cited(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[(\d+)\]", text)]


LEAVE = passage(
    "연차 휴가는 1년에 15일입니다. 남은 연차는 다음 해로 5일까지 이월됩니다.", location="휴가 > 연차 휴가"
)
REMOTE = passage("재택근무는 일주일에 이틀까지 가능합니다. 다만 상담팀은 제외됩니다.", location="재택근무")
TRAVEL = passage(
    "Hotels are paid up to $150 per night. Ask Ms. Park in Finance about exceptions.", title="Travel"
)


async def test_the_sentence_that_answers_is_taken_with_the_number_of_its_passage() -> None:
    """Only the fitting sentence of the fitting passage is quoted, not the passage."""
    assert await answer("연차는 며칠까지 이월되나요?", REMOTE, LEAVE) == (
        "남은 연차는 다음 해로 5일까지 이월됩니다. [2]"
    )


async def test_the_kind_of_answer_decides_between_sentences_with_the_same_words() -> None:
    """A question for a sum prefers the sentence with a sum, one for a person the one with a name."""
    text = passage(
        "The parking permit is orange. The parking permit costs $40. Parking permits come from Ms. Park."
    )

    assert "$40" in await answer("How much is a parking permit?", text)
    assert "Ms. Park" in await answer("Who issues the parking permit?", text)


async def test_a_definition_is_preferred_when_somebody_asks_what_a_thing_is() -> None:
    """The sentence that begins with the subject and says what it is comes first."""
    text = passage("많은 회사가 임베딩을 쓴다. 임베딩이란 글을 숫자로 바꾼 벡터를 말한다. 임베딩은 빠르다.")

    assert (await answer("임베딩이 뭐예요?", text)).startswith("임베딩이란 글을 숫자로")


async def test_an_exception_that_follows_is_told_too() -> None:
    """Whoever is told a rule is told the sentence that takes it back."""
    assert "다만 상담팀은 제외됩니다." in await answer("재택근무는 일주일에 며칠 가능해요?", LEAVE, REMOTE)


async def test_a_sentence_that_leans_back_comes_with_the_one_before() -> None:
    """A sentence that begins with a pronoun means nothing alone."""
    text = passage("The Atlas card opens all doors. It costs $20 to replace a lost card.")

    told = await answer("What does it cost to replace a lost card?", text)

    assert told == "The Atlas card opens all doors. It costs $20 to replace a lost card. [1]"


async def test_a_lead_in_brings_its_list() -> None:
    """What is announced by "as follows" is what was asked for."""
    text = passage("입사 서류는 다음과 같습니다.\n\n- 등본\n- 통장 사본\n\n그 밖의 내용은 인사팀에 묻습니다.")

    assert await answer("입사할 때 필요한 서류는?", text) == (
        "입사 서류는 다음과 같습니다.\n- 등본\n- 통장 사본 [1]"
    )


async def test_a_table_row_is_told_with_the_heads_of_its_columns() -> None:
    """A row alone could not be understood."""
    text = passage("| 지역 | 숙박비 |\n| --- | --- |\n| 국내 | 12만 원 |\n| 미국 | 35만 원 |", title="출장")

    assert await answer("미국 출장 숙박비는 얼마예요?", text) == "지역: 미국, 숙박비: 35만 원 [1]"


async def test_what_stands_in_the_heading_need_not_be_repeated_by_the_sentence() -> None:
    """Heading path and title are evidence of what a sentence is about."""
    text = passage("신청은 30일 전까지 합니다.", location="복지 > 육아휴직")

    assert await answer("육아휴직 신청은 언제까지 해요?", text) == "신청은 30일 전까지 합니다. [1]"


@pytest.mark.parametrize(
    "question",
    ["연차 유급 휴가 관련 스톡옵션 행사 가격은?", "구내식당 메뉴 알려줘", "재택 장비 대여 업체 전화번호는?"],
)
async def test_what_the_passages_do_not_answer_is_refused_without_citation(question: str) -> None:
    """One common word does not make an answer; the refusal says what to do next."""
    told = await answer(question, LEAVE, REMOTE)

    assert not cited(told)
    assert "찾지 못했습니다" in told


async def test_a_refusal_speaks_the_language_of_the_question() -> None:
    """English questions are refused in English, also when there is no passage at all."""
    assert "found no answer" in await answer("Who won the world cup?", TRAVEL)
    assert "found no answer" in await answer("Who won the world cup?")


async def test_a_name_bridges_two_languages() -> None:
    """A Korean question is answered from an English passage by the names in it, and says so."""
    text = passage("Claims are submitted in Spendwise by the 5th of each month.")

    told = await answer("Spendwise 마감일은 언제예요?", text)

    assert "by the 5th" in told
    assert "영어로 되어 있어" in told


async def test_another_language_without_a_common_name_is_refused() -> None:
    """Nothing is guessed over a language border."""
    assert not cited(await answer("호텔비 한도는 얼마예요?", TRAVEL))


async def test_a_follow_up_is_read_with_the_question_before() -> None:
    """ "What about" means the same thing of something else."""
    text = passage("Hotels in London are paid up to £165.\n\nHotels abroad are paid up to £180.")
    history = (
        PromptMessage("user", "What is the hotel limit in London?"),
        PromptMessage("assistant", "£165 [1]"),
    )

    assert await answer("And abroad?", text, history=history) == "Hotels abroad are paid up to £180. [1]"


async def test_a_follow_up_of_a_follow_up_is_read_with_the_question_that_stood_alone() -> None:
    """What was asked in between about something else does not hide it."""
    text = passage(
        "| 지역 | 숙박비 |\n| --- | --- |\n| 국내 | 12만 원 |\n| 일본 | 20만 원 |\n| 유럽 | 35만 원 |"
    )
    history = (
        PromptMessage("user", "국내 출장 숙박비 한도는 얼마예요?"),
        PromptMessage("assistant", "12만 원 [1]"),
        PromptMessage("user", "일본은?"),
        PromptMessage("assistant", "20만 원 [1]"),
    )

    assert await answer("유럽은?", text, history=history) == "지역: 유럽, 숙박비: 35만 원 [1]"


async def test_footnotes_and_markdown_of_the_document_do_not_reach_the_answer() -> None:
    """A footnote mark would look like a citation."""
    text = passage("The **Atlas** card[12] costs [$20](https://example.com) a year.")

    assert await answer("What does the Atlas card cost?", text) == "The Atlas card costs $20 a year. [1]"


async def test_the_same_sentence_in_two_passages_is_told_once() -> None:
    """Copies of a document do not double the answer."""
    told = await answer("연차 휴가는 며칠이에요?", LEAVE, LEAVE)

    assert told.count("15일") == 1
    assert set(cited(told)) == {1}


async def test_a_page_without_sentences_is_cut_around_what_was_asked() -> None:
    """Never the whole passage."""
    text = passage("word " * 150 + "the badge office is in room 214 " + "word " * 150)

    told = await answer("Where is the badge office?", text)

    assert "room 214" in told
    assert len(told) < 500


@pytest.mark.parametrize(
    "message",
    [
        "안녕",
        "안녕하세요!",
        "고마워 ㅎㅎ",
        "뭘 할 수 있어?",
        "너는 누구야?",
        "hi",
        "Hello there",
        "thanks a lot!",
    ],
)
async def test_small_talk_is_answered_without_documents(message: str) -> None:
    """A greeting is no question: nothing is cited, and nothing is "not found"."""
    told = await answer(message, LEAVE, TRAVEL)

    assert not cited(told)
    assert "찾지 못했습니다" not in told
    assert "found no answer" not in told


async def test_a_greeting_before_a_question_does_not_hide_it() -> None:
    """Polite people get their answer."""
    assert "15일" in await answer("안녕하세요, 연차 휴가가 며칠인가요?", LEAVE)


async def test_the_answer_comes_in_words_and_ends_with_the_usage() -> None:
    """The last chunk alone says why the model stopped and what it took; it costs nothing."""
    *words, last = await chunks_of("연차는 며칠까지 이월되나요?", LEAVE)

    assert len(words) > 3
    assert all(chunk.text and chunk.finish_reason is None for chunk in words)
    assert last.finish_reason == "stop"
    assert last.usage is not None
    assert last.usage.tokens_in > last.usage.tokens_out > 0
    assert last.usage.cost == 0


@pytest.mark.parametrize(
    "text", ["가" * 100_000, "[(" * 50_000, "a. " * 50_000, "| 1 " * 50_000, "- 1\n" * 50_000]
)
async def test_hostile_passages_and_questions_are_bounded(text: str) -> None:
    """Whatever they hold, there is an answer, and it is no longer than a few sentences of what is read."""
    said = await answer(text, *[passage(text + str(number)) for number in range(30)])

    assert 0 < len(said) < 4_000
