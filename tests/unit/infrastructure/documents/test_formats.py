"""What each type of file gives."""

import unicodedata

import pytest

from src.infrastructure.documents.pdf import unwrap
from src.infrastructure.documents.text import tidy
from tests.documents.samples.make import docx, docx_with_footnote, pdf
from tests.unit.infrastructure.documents.conftest import Read

KOREAN = "연차 휴가는 1년에 15일입니다. 신청은 3일 전에 합니다. 뷁"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp949"])
def test_korean_text_is_read_in_any_encoding(read: Read, encoding: str) -> None:
    assert read("휴가.txt", KOREAN.encode(encoding))[0].text == KOREAN


def test_western_text_of_windows_does_not_become_hangul(read: Read) -> None:
    text = "It’s the employee’s choice: a naïve “résumé” isn’t needed, and that’s all there’s to it."
    assert read("a.txt", text.encode("cp1252"))[0].text == text


def test_hangul_that_a_mac_wrote_in_parts_is_composed(read: Read) -> None:
    assert read("a.txt", unicodedata.normalize("NFD", KOREAN))[0].text == KOREAN


def test_whitespace_is_calmed_and_the_invisible_dropped(read: Read) -> None:
    text = "one\u00a0 two\t three  \r\n\r\n\r\n\r\n  - in\u00adden\u200bted\ufeff \uf0b7\r\n"
    assert read("a.txt", text)[0].text == "one two three\n\n  - indented"


def test_a_pdf_gives_its_pages_as_locations(read: Read) -> None:
    passages = read("a.pdf", pdf(["First page."], [], ["Third page."]))
    assert [(passage.location, passage.text) for passage in passages] == [
        ("p. 1", "First page."),
        ("p. 3", "Third page."),
    ]


def test_lines_that_the_page_broke_are_joined_and_paragraphs_kept() -> None:
    page = (
        "Leave policy\r\n"
        "Every employee has fifteen days of paid leave in each year of \r\n"
        "service, and more after the third.\r\n"
        "• Ask your manager three days before the first day of the leave, \r\n"
        "or earlier.\r\n"
        "• Then enter it."
    )
    assert unwrap(page) == (
        "Leave policy\n"
        "Every employee has fifteen days of paid leave in each year of  service, and more after the third.\n"
        "• Ask your manager three days before the first day of the leave,  or earlier.\n"
        "• Then enter it."
    )


def test_korean_words_broken_by_the_page_are_made_whole() -> None:
    page = (
        "현재 코로나바이러스 감염증의 국내 확진자는 구천 명\r\n"
        "이며 이와 관련하여 세계보건기구가 유행을 선언하였다. \r\n"
        "이를 질병으로 보아야 할지 상해로 보아야 할지 모두 \r\n묻는다.\r\n2 개정안\r\n다음과 같다."
    )
    assert unwrap(page) == (
        "현재 코로나바이러스 감염증의 국내 확진자는 구천 명이며 이와 관련하여 세계보건기구가 유행을 선언하였다. \n"
        "이를 질병으로 보아야 할지 상해로 보아야 할지 모두  묻는다.\n2 개정안\n다음과 같다."
    )


def test_a_word_that_a_hyphen_broke_is_joined() -> None:
    assert tidy(unwrap("a well known regu\ufffe\r\nlation")) == "a well known regulation"


def test_a_word_file_gives_headings_lists_and_tables(read: Read) -> None:
    content = docx(
        ("Heading1", "휴가"),
        ("Heading2", "연차"),
        ("", "1년에 15일 * 2_번"),
        table=[["근속", "일수"], ["1년", "15"]],
    )
    (passage,) = read("a.docx", content)
    assert passage.location == "휴가 > 연차"
    assert passage.text == "1년에 15일 * 2_번\n\n| 근속 | 일수 |\n| --- | --- |\n| 1년 | 15 |"


def test_a_word_file_s_footnotes_come_last_without_arrows_back(read: Read) -> None:
    (passage,) = read("a.docx", docx_with_footnote("Fifteen days", "Per calendar year."))
    assert passage.text == "Fifteen days[1]\n\n1. Per calendar year."


PAGE = """<html><head><title>Intranet</title><style>p {}</style></head><body>
<header><a href="/">Home</a></header><nav>Menu</nav>
<main><header><h1>Leave</h1><p>by Kim</p></header><script>track()</script>
<p>Fifteen <a href="https://example.com/days">days</a> <img src="data:image/png;base64,AAAA" alt="chart"></p>
<div role="navigation">Next page</div><p style="display:none">hidden</p><aside>Related</aside></main>
<footer>Imprint</footer></body></html>"""


def test_a_page_gives_its_main_part_without_what_surrounds_it(read: Read) -> None:
    (passage,) = read("a.html", PAGE)
    assert (passage.location, passage.text) == ("Leave", "Fifteen days")


def test_a_page_without_main_part_gives_its_body_but_navigation(read: Read) -> None:
    page = PAGE.replace("main>", "div>")
    assert [passage.text for passage in read("a.html", page)] == ["Fifteen days"]


@pytest.mark.parametrize("charset", ["euc-kr", "utf-8", "made-up"])
def test_a_page_is_decoded_as_it_declares_unless_that_is_false(read: Read, charset: str) -> None:
    page = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}"><p>{KOREAN}</p>'
    assert read("a.html", page.encode("cp949"))[0].text == KOREAN


def test_markdown_loses_pictures_targets_and_html_but_not_words(read: Read) -> None:
    text = (
        "---\ntitle: x\n---\n\n"
        "Leave\n=====\n\n"
        '![chart](data:image/png;base64,AAAA+/=) See [the rules](https://example.com/a_(b) "title"), [more][1] '
        "or <https://example.com>.<br/><!-- note to self -->\n\n"
        "[1]: https://example.com/more\n\n"
        "[^2]: A footnote stays.\n\n"
        "```python\n# not a heading [a](b) <br>\n```\n"
    )
    before, passage = read("a.md", text)
    assert before.location == ""
    assert passage.location == "Leave"
    assert passage.text == (
        "See the rules, more or https://example.com.\n\n[^2]: A footnote stays.\n\n"
        "```python\n# not a heading [a](b) <br>\n```"
    )
