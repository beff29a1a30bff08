"""What slides, spreadsheets, e-books, Hangul files and e-mails give."""

import datetime
from itertools import pairwise

import pytest

from src.domains.knowledge.services.ports import Progress
from tests.documents.samples.hangul import hwp, hwpx, hwpx_paragraph, hwpx_table
from tests.documents.samples.make import docx
from tests.documents.samples.packages import eml, epub, pptx, xlsx
from tests.unit.infrastructure.documents.conftest import Read

KOREAN = "연차 휴가는 1년에 15일입니다. 뷁"
MERGED = [(0, 0, 1, "구분"), (0, 1, 1, "일수"), (1, 0, 2, "연차"), (1, 1, 1, "15"), (2, 1, 1, "16")]
MERGED_READ = "| 구분 | 일수 |\n| --- | --- |\n| 연차 | 15 |\n| 연차 | 16 |"


def test_slides_are_read_from_the_title_down_with_tables_and_notes(read: Read) -> None:
    content = pptx(
        ("Leave", "Fifteen days"),
        ("휴가", "15일"),
        notes="Mention the new rule.",
        boxes=[(8, "at the bottom"), (0, "at the top")],
        table=[["근속", "일수"], ["1년", "15"]],
    )
    first, second = read("a.pptx", content)
    assert (first.location, first.text) == ("slide 1", "Leave\n\nFifteen days")
    assert second.location == "slide 2"
    assert second.text == (
        "휴가\n\nat the top\n\n15일\n\nat the bottom\n\n| 근속 | 일수 |\n| --- | --- |\n| 1년 | 15 |\n\n"
        "Notes: Mention the new rule."
    )


def test_a_chart_gives_its_numbers_and_a_group_what_is_in_it(read: Read) -> None:
    content = pptx(("Leave", ""), chart={"2023": (15, 16), "2024": (17, None)}, group=("below", "above"))
    (passage,) = read("a.pptx", content)
    assert passage.text == (
        "Leave\n\nabove\n\nbelow\n\nDays by year\n\n| | 2023 | 2024 |\n| --- | --- | --- |\n"
        "| Kim | 15.0 | 17.0 |\n| Lee | 16.0 | |"
    )


def test_progress_is_told_by_slides(read: Read, progress: list[Progress]) -> None:
    read("a.pptx", pptx(("one", "1"), ("two", "2")))
    assert progress == [Progress(1, 2), Progress(2, 2)]


def test_a_sheet_gives_its_rows_with_the_header_and_their_numbers(read: Read) -> None:
    rows = [
        ["이름", "입사일", "연차"],
        *([f"사원 {n}", datetime.date(2024, 1, 15), 15.5] for n in range(100)),
    ]
    passages = read("a.xlsx", xlsx({"명단": rows, "빈 시트": []}))
    assert passages[0].location.startswith("sheet 명단 > rows 1-")
    assert all(passage.text.startswith("| 이름 | 입사일 | 연차 |\n| --- |") for passage in passages)
    assert "| 사원 0 | 2024-01-15 | 15.5 |" in passages[0].text
    assert passages[-1].location.endswith("-101")
    ends = [passage.location.rsplit(" ", 1)[1].split("-") for passage in passages]
    assert all(int(end) + 1 == int(start) for (_, end), (start, _) in pairwise(ends))


def test_a_sheet_s_title_its_tables_and_merged_cells_are_told_apart(read: Read) -> None:
    rows = [["휴가 현황"], ["구분", "일수"], ["", 15], ["", 16], [], ["부서", "인원"], ["총무", 3]]
    first, second = read("a.xlsx", xlsx({"표": rows}, merged=[(2, 0, 3, 0, "연차")]))
    assert (first.location, first.text) == ("sheet 표 > rows 1-4", f"휴가 현황\n\n{MERGED_READ}")
    assert (second.location, second.text) == (
        "sheet 표 > rows 6-7",
        "| 부서 | 인원 |\n| --- | --- |\n| 총무 | 3 |",
    )


def test_a_sheet_of_lines_is_no_table(read: Read) -> None:
    (passage,) = read("a.xlsx", xlsx({"메모": [["첫째 줄"], [], ["둘째 줄"], ["셋째 줄"]]}))
    assert (passage.location, passage.text) == ("sheet 메모 > rows 1-4", "첫째 줄\n둘째 줄\n셋째 줄")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_is_a_table_whatever_its_encoding_and_delimiter(
    read: Read, encoding: str, delimiter: str
) -> None:
    lines = [("이름", "비고"), ("김철수", '"두 줄\n| 메모"'), ("뷁", "15")]
    content = "\r\n".join(delimiter.join(line) for line in lines)
    (passage,) = read("a.csv", content.encode(encoding))
    assert passage.location == "rows 1-3"
    assert passage.text == "| 이름 | 비고 |\n| --- | --- |\n| 김철수 | 두 줄 \\| 메모 |\n| 뷁 | 15 |"


def test_an_e_book_gives_its_chapters_in_the_order_of_the_spine(read: Read, progress: list[Progress]) -> None:
    chapters = {"z.xhtml": "<h1>휴가</h1><p>15일</p>", "text/a b.xhtml": "<p>No heading here</p>"}
    first, second = read("a.epub", epub(chapters))
    assert (first.location, first.text) == ("휴가", "15일")
    assert (second.location, second.text) == ("chapter 2", "No heading here")
    assert progress[-1] == Progress(2, 2)


def test_a_hangul_file_gives_paragraphs_and_tables_with_merged_cells(read: Read) -> None:
    (passage,) = read("a.hwp", hwp(KOREAN, "다음과 같다.", table=MERGED))
    assert passage.text == f"{KOREAN}\n\n다음과 같다.\n\n{MERGED_READ}"


def test_boxes_and_numbers_of_a_hangul_file_are_its_headings(read: Read) -> None:
    content = hwp(
        "Ⅰ. 휴가 제도", "□ 연차휴가", KOREAN * 5, table=[(0, 0, 1, "참고1"), (0, 1, 1, "신청 방법")]
    )
    leave, note = read("a.hwp", content)
    assert leave.location == "Ⅰ. 휴가 제도 > □ 연차휴가"
    assert (note.location, note.text) == ("", "# 참고1 신청 방법")


def test_an_hwpx_file_gives_its_sections_in_order_with_headings_of_its_styles(read: Read) -> None:
    body = [hwpx_paragraph(f"제{number}구역 문장입니다.") for number in range(11)]
    body[0] = hwpx_paragraph("휴가", style=3) + body[0]
    (passage,) = read("a.hwpx", hwpx(*body, hwpx_table(MERGED), styles='<style id="3" name="개요 1"/>'))
    assert passage.location == "휴가"
    sentences = "\n\n".join(f"제{number}구역 문장입니다." for number in range(11))
    assert passage.text == f"{sentences}\n\n{MERGED_READ}"


def test_an_e_mail_gives_its_text_below_the_subject_and_names_what_is_attached(read: Read) -> None:
    attachments = {
        "규정.docx": docx(("Heading1", "연차"), ("", "15일")),
        "그림.png": b"\x89PNG",
        "../a.eml": b"A: b",
    }
    message, attached = read("a.eml", eml("휴가 안내", KOREAN, "<p>the same</p>", attachments))
    assert message.location == "휴가 안내"
    assert message.text == (
        "From: kim@example.com\nTo: lee@example.com\nAttachments: 규정.docx, 그림.png, a.eml\n\n" + KOREAN
    )
    assert (attached.location, attached.text) == ("휴가 안내 > 규정.docx > 연차", "15일")


def test_an_e_mail_of_html_alone_is_read(read: Read) -> None:
    (passage,) = read("a.eml", eml("Leave", "", "<p>Fifteen <b>days</b></p><script>track()</script>"))
    assert passage.text.endswith("\n\nFifteen **days**")


def test_an_e_mail_in_the_korean_of_windows_is_read(read: Read) -> None:
    content = (
        b'Subject: =?ks_c_5601-1987?B?yN6woQ==?=\nContent-Type: text/plain; charset="ks_c_5601-1987"\n\n'
    )
    (passage,) = read("a.eml", content + KOREAN.encode("cp949"))
    assert (passage.location, passage.text) == ("휴가", KOREAN)


def test_a_broken_attachment_does_not_hide_the_message(read: Read) -> None:
    (passage,) = read("a.eml", eml("Leave", "Fifteen days", attachments={"a.docx": b"broken"}))
    assert passage.text.endswith("Attachments: a.docx\n\nFifteen days")
