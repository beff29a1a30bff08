"""How text is cut into passages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.infrastructure.documents.chunking import Chunker
from src.infrastructure.documents.sections import Section, sections_of
from src.infrastructure.documents.text import tidy
from src.infrastructure.documents.tokens import token_estimate
from tests.unit.infrastructure.documents.conftest import Read

LONG = "This sentence tells one thing about the leave of an employee. " * 5
WORDS = st.text(alphabet="ab가나 .\n|-#", max_size=400)


def test_a_passage_stays_below_one_heading_and_starts_with_its_own_words(read: Read) -> None:
    passages = read(
        "a.md", f"# Leave\n\n{LONG}\n\n## Sick *leave* ##\n\n{LONG}\n\n# Pay\n\n### Bonus\n\n{LONG}"
    )
    assert [passage.location for passage in passages] == ["Leave", "Leave > Sick leave", "Pay > Bonus"]
    assert {passage.text for passage in passages} == {LONG.strip()}


def test_tiny_neighbours_under_one_heading_come_together_with_their_headings(read: Read) -> None:
    (passage,) = read("a.md", "# Leave\n\nIn short:\n\n## Annual\n\n15 days\n\n## Sick\n\n60 days")
    assert passage.location == "Leave"
    assert passage.text == "In short:\n\n## Annual\n\n15 days\n\n## Sick\n\n60 days"


def test_tiny_sections_of_different_chapters_stay_apart(read: Read) -> None:
    passages = read("a.md", "# Leave\n\n## Annual\n\n15 days\n\n# Pay\n\n## Bonus\n\nnone")
    assert [passage.location for passage in passages] == ["Leave > Annual", "Pay > Bonus"]


def test_a_heading_with_nothing_below_it_is_not_lost(read: Read) -> None:
    (passage,) = read("a.md", "# Leave\n\n## Is it paid? Yes.\n")
    assert (passage.location, passage.text) == ("Leave", "## Is it paid? Yes.")


def test_deep_headings_and_paragraphs_styled_as_headings_are_text(read: Read) -> None:
    (passage,) = read("a.md", f"# Leave\n\n#### Note\n\n## {LONG}\n\nwords")
    assert passage.location == "Leave"
    assert "#### Note" in passage.text
    assert "employee" in passage.text


def test_long_text_is_cut_between_sentences_into_even_passages(read: Read) -> None:
    passages = read("a.txt", LONG * 20, passage_tokens=200, overlap_tokens=0)
    assert all(150 <= token_estimate(passage.text) <= 200 for passage in passages[:-1])
    assert all(passage.text.endswith(".") for passage in passages)


def test_a_passage_begins_with_the_last_whole_sentences_of_the_one_before(read: Read) -> None:
    text = " ".join(f"Sentence {number} tells one thing about leave." for number in range(200))
    first, second, *_ = read("a.txt", text, passage_tokens=200, overlap_tokens=30)
    repeated = second.text[: second.text.index(".") + 1]
    assert repeated.startswith("Sentence")
    assert repeated in first.text
    assert first.text.rstrip().endswith(".")
    assert token_estimate(second.text) <= 200 + 30


def test_nothing_of_a_table_is_repeated_in_the_text_after_it(read: Read) -> None:
    rows = "\n".join(f"| {year} | {year * 2} days. |" for year in range(6))
    table = f"| years | days |\n| --- | --- |\n{rows}"
    passages = read("a.md", f"{LONG}\n\n{table}\n\n{LONG}", passage_tokens=80, overlap_tokens=40)
    assert all("---" in passage.text for passage in passages if " days. |" in passage.text)


def test_a_bold_word_is_no_place_to_cut(read: Read) -> None:
    passages = read("a.md", "The **annual** leave is 15 days in the _first_ year of `service` here. " * 60)
    assert all(passage.text.startswith("The") and passage.text.endswith("here.") for passage in passages)


def test_a_crumb_joins_the_passage_that_it_leads_to_or_ends(read: Read) -> None:
    text = "\n\n".join(["x" * 950, "as follows:", "y" * 990, "z" * 900, "the end"])
    passages = read("a.txt", text, passage_tokens=200)
    assert [passage.text[:3] + passage.text[-3:] for passage in passages] == ["xxxxxx", "as yyy", "zzzend"]


def test_a_cut_table_repeats_its_header(read: Read) -> None:
    rows = "\n".join(f"| {year} | {year * 2} days of leave |" for year in range(100))
    first, second, *_ = read(
        "a.md", f"# Leave\n\nBy years:\n\n| years | days |\n| --- | --- |\n{rows}\n\nEnd."
    )
    assert first.text.startswith("By years:\n\n| years | days |\n| --- | --- |\n| 0 |")
    assert second.text.startswith("| years | days |\n| --- | --- |\n| ")
    assert second.text.count("---") == 2


def test_text_after_a_table_has_no_header(read: Read) -> None:
    passages = read("a.md", f"| years | days |\n| --- | --- |\n| 1 | 15 |\n\n{LONG * 5}")
    assert [("years" in passage.text) for passage in passages] == [True, False]


@given(WORDS, st.booleans())
def test_no_word_is_lost_repeated_or_reordered(text: str, repeated: bool) -> None:
    """Cutting changes whitespace alone (for text without tables, whose headers are repeated on purpose)."""
    text = tidy(text.replace("|", "") * (40 if repeated else 1))
    passages = list(Chunker(largest=100).cut([Section(("p. 1",), text or "-")]))
    words = [letter for letter in text if letter.isalnum()]
    assert [letter for passage in passages for letter in passage.text if letter.isalnum()] == words
    assert all(token_estimate(passage.text) <= 100 + 2 * 20 for passage in passages)


@given(WORDS)
def test_headings_and_text_all_arrive_in_sections(markdown: str) -> None:
    """Every letter of Markdown is in the text or in the path of some section."""
    sections = sections_of(markdown)
    kept = "".join(section.text + "".join(section.path) for section in sections)
    assert {letter for letter in markdown if letter.isalnum()} <= set(kept)


def test_one_endless_line_is_cut_in_linear_time(read: Read) -> None:
    """The splitter alone would need minutes for this."""
    assert sum(len(passage.text) for passage in read("a.txt", "가" * 300_000)) == 300_000


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Every employee has fifteen days of paid leave in each year of service.", 15),
        ("모든 직원은 근속 1년마다 15일의 유급 연차휴가를 사용할 수 있습니다.", 21),
        ("| 2024-01-15 | 1,250,000원 | INV-20240115 |", 19),
    ],
)
def test_tokens_are_estimated_without_the_model(text: str, tokens: int) -> None:
    """The figures are the embedding model's own; many numbers in a short text are overestimated."""
    assert token_estimate(text) == pytest.approx(tokens, rel=0.5)
