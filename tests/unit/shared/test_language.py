"""How texts are cut into terms and sentences."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.shared.language import Language, analyze, detect_language, normalize, search_terms, split_sentences


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("연차는 며칠인가요?", "ko"),
        ("AWS Bedrock 요금", "ko"),
        ("Kubernetes pod restart policy 알려줘", "ko"),
        ("What does 연차 mean?", "en"),
        ("How many days?", "en"),
        ("42", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_that_of_the_sentence_not_of_single_words(text: str, language: Language) -> None:
    """A foreign word in a sentence does not change its language."""
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("재택근무", "재택 근무"),
        ("연차휴가", "연차 휴가"),
        ("연차휴가는", "연차 휴가"),
        ("법인카드를", "법인 카드"),
        ("비번", "비밀번호"),
        ("\uff21\uff22\uff23 \uff11\uff12", "abc 12"),
        ("e-mail", "E-Mail"),
        ("reimbursed", "reimbursement"),
        ("policies", "Policy"),
    ],
)
def test_spellings_of_one_thing_give_the_same_terms(one: str, other: str) -> None:
    """Spaces, particles, endings and notations do not keep a question from its text."""
    assert search_terms(one) == search_terms(other)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("GPT4o", "우리는 GPT-4o를 쓴다"),
        ("gpt-4o", "GPT 4o"),
        ("ISO27001", "ISO-27001 인증"),
        ("A동", "A동 3층 회의실"),
        ("3층", "A동 3 층"),
        ("회의", "회의실 예약"),
        ("15일", "연차는 15일이다"),
        ("1,500,000원", "150만 원"),
        ("바꾸다", "비밀번호를 바꿨습니다"),
        ("IT team", "the IT Team"),
        ("3.5", "version 3.5 is out"),
    ],
)
def test_a_query_finds_its_text(query: str, text: str) -> None:
    """At least half of the terms of the query stand in the text, codes and numbers among them."""
    terms = search_terms(query)
    found = [term for term in terms if term in search_terms(text)]

    assert terms
    assert len(found) * 2 >= len(terms)


def test_unknown_hangul_is_cut_into_overlapping_syllables() -> None:
    """A word that no dictionary knows is found by any part of it."""
    assert search_terms("뛣쀍꿿") == ["뛣쀍", "쀍꿿"]


def test_terms_are_repeated_and_in_order() -> None:
    """The index counts how often a term occurs."""
    assert search_terms("leave and pay, then leave") == ["leav", "pay", "leav"]


def test_function_words_and_particles_are_no_terms() -> None:
    """Nothing is found by words that stand in every text, but names in capitals stay."""
    assert search_terms("what is it to you") == []
    assert search_terms("휴가를 회사에서는") == ["휴가", "회사"]
    assert search_terms("IT") == ["it"]


def test_a_term_knows_where_it_stands() -> None:
    """The place of a term refers to the normalized text."""
    text = normalize("올해 연차는 15일, PTO는 없다")

    assert {text[term.start : term.end] for term in analyze(text) if term.text in {"연차", "pto"}} == {
        "연차",
        "PTO",
    }


@pytest.mark.parametrize(
    "hostile",
    ["가나다라" * 50_000, "a" * 1_000_000, "1," * 100_000, "." * 500_000, "| " * 100_000, "[(" * 100_000],
    ids=["hangul", "letters", "commas", "dots", "pipes", "brackets"],
)
def test_a_long_text_without_sense_is_cut_into_short_terms(hostile: str) -> None:
    """It ends, which an analysis slower than linear would not, and no term is long."""
    terms = search_terms(hostile)
    split_sentences(hostile)

    assert max(map(len, terms), default=0) <= 40


def test_many_threads_get_the_same_terms() -> None:
    """The dictionary is shared between threads and the stemmer is not."""
    texts = [
        "재택근무 신청은 누리온에서 합니다",
        "Reimbursed policies are running",
        "GPT-4o 요금 150만 원",
    ] * 40
    expected = [search_terms(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(search_terms, texts)) == expected


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_gives_terms_without_spaces(text: str) -> None:
    """The index takes terms without white space, whatever it is fed."""
    assert not [term for term in search_terms(text) if not term or any(sign.isspace() for sign in term)]
    assert all(unit.strip() for unit in split_sentences(text))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("연차는 3.5일입니다. 다음 해로 넘깁니다.", ["연차는 3.5일입니다.", "다음 해로 넘깁니다."]),
        ("2024. 3. 1. 이후에 시행합니다. 끝.", ["2024. 3. 1. 이후에 시행합니다.", "끝."]),
        ("신청합니다.승인됩니다.", ["신청합니다.", "승인됩니다."]),
        ("Mr. Kim, e.g. the CEO, left at 3.5 p.m. today. He ran!", None),
        ("See No. 5 of U.S. law. Then stop.", ["See No. 5 of U.S. law.", "Then stop."]),
        ("The limit is 15. After that, ask.", ["The limit is 15.", "After that, ask."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("Ready? Yes! 좋아요? 네.", ["Ready?", "Yes!", "좋아요?", "네."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str] | None) -> None:
    """Decimals, dates and abbreviations do not end a sentence."""
    expected = sentences or ["Mr. Kim, e.g. the CEO, left at 3.5 p.m. today.", "He ran!"]

    assert split_sentences(text) == expected


def test_list_items_and_table_rows_are_units() -> None:
    """An item keeps its sentences and the lines that go on; a table's rule is no row."""
    text = "순서는 다음과 같다:\n- 하나. 둘.\n  이어짐\n1. 셋\n\n| 이름 | 값 |\n|---|---|\n| 가 | 1 |\n"

    assert split_sentences(text) == [
        "순서는 다음과 같다:",
        "- 하나. 둘. 이어짐",
        "1. 셋",
        "| 이름 | 값 |",
        "| 가 | 1 |",
    ]


def test_wrapped_lines_are_one_sentence() -> None:
    """Only an empty line, a heading, an item or a row ends a paragraph."""
    assert split_sentences("# Leave\nYou may take\nten days.\n\nAsk first") == [
        "# Leave",
        "You may take ten days.",
        "Ask first",
    ]
