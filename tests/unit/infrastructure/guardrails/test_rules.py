"""What rules find, however it is written, and that nothing makes them slow."""

import re
import time

import pytest

from src.domains.chat.services.guardrail import Category
from src.infrastructure.guardrails.rules import DETECTORS, CompiledRules
from tests.unit.infrastructure.guardrails.rules import compiled, found, rule, with_terms

FULL_WIDTH = "".join(chr(ord(each) + 0xFEE0) for each in "010-1234-5678")


@pytest.mark.parametrize(
    ("category", "text", "values"),
    [
        ("resident_number", "900101-1234568", ["900101-1234568"]),
        # No check digit: not one of the time when they had it, unless it is called so.
        ("resident_number", "900101-1234567", []),
        ("resident_number", "주민번호 900101-1234567", ["900101-1234567"]),
        ("resident_number", "210301-3123456", ["210301-3123456"]),
        ("resident_number", "991301-1234567 (13월)", []),
        ("resident_number", "990101-3234567 (2099년)", []),
        ("phone", f"{FULL_WIDTH}!", [FULL_WIDTH]),
        ("phone", "010\u200b-1234-\u200b5678!", ["010\u200b-1234-\u200b5678"]),
        ("phone", "공일공 일이삼사 오육칠팔", ["공일공 일이삼사 오육칠팔"]),
        ("phone", "1588-1234, 2024-05-01 10:30", []),
        ("business_number", "124-81-00998", ["124-81-00998"]),
        ("business_number", "124-81-00999", []),
        ("card", "4111 1111 1111 1111 / 4111 1111 1111 1112", ["4111 1111 1111 1111"]),
        ("iban", "DE89 3704 0044 0532 0130 00, DE89 3704 0044 0532 0130 01", ["DE89 3704 0044 0532 0130 00"]),
        ("email", "메일은kim@example.com으로", ["kim@example.com"]),
        ("email", "git@github.com:acme/app.git logo@2x.png", []),
        ("passport", "여권 M123A4567, 문서 M12345678", ["M123A4567"]),
        ("secret", "password = hunter2x, password: required", ["hunter2x"]),
        ("secret", "postgresql://app:s3cr3t!@db/x postgresql://user:password@host/name", ["s3cr3t!"]),
        ("secret", "dbpassword=hunter2x", ["hunter2x"]),
        ("ssn", "536-90-4399, 000-12-3456", ["536-90-4399"]),
    ],
)
def test_things_are_told_from_what_looks_like_them(category: Category, text: str, values: list[str]) -> None:
    assert found(compiled(category), text) == values


@pytest.mark.parametrize(
    ("term", "text", "hit"),
    [
        ("바보", "이런 바보야", "바보"),
        ("바보", "바 보", "바 보"),
        ("바보", "ㅂㅏㅂㅗ", "ㅂㅏㅂㅗ"),
        ("바보", "\u1107\u1161\u1107\u1169", "\u1107\u1161\u1107\u1169"),
        ("바보", "바아아보", "바아아보"),
        ("바보", "바.보", "바.보"),
        ("바보", "바1보", "바1보"),
        ("바보", "바\u200b보", "바\u200b보"),
        ("바보", "바봄", None),
        ("시발", "다시 발표합니다", None),
        ("shit", "SH1iiT!", "SH1iiT"),
        ("shit", "\uff53 h i t", "\uff53 h i t"),
        ("shit", "bullshit shitake", None),
        ("aurora", "Aurora, and", "Aurora"),
        ("leave", "parental leave every", "leave"),
        ("프로젝트 오로라", "프로젝트오로라의 일정", "프로젝트오로라"),
    ],
)
def test_a_term_is_found_however_it_is_written(term: str, text: str, hit: str | None) -> None:
    assert found(with_terms([term]), text) == ([hit] if hit else [])


def test_of_rules_for_one_thing_the_strictest_holds() -> None:
    flag, block = rule("email", "flag"), rule("email", "block")
    [finding] = CompiledRules([block, flag]).find("a@example.com", "input")
    assert finding.rule is block


def test_a_rule_looks_only_where_it_is_told_to() -> None:
    rules = CompiledRules([rule("email", directions=frozenset({"passages"}))])
    assert not rules.find("a@example.com", "input")
    assert rules.find("a@example.com", "passages")


UNITS = """
a|1|-|@|a@|x@x.|a.|010-|900101-1|1234567890 |4111 |DE89 |1a|password: |비밀번호는 |eyJ|eyJaaaaaaaa.|sk-|AKIA
-----BEGIN RSA PRIVATE KEY-----|://a:|bearer |a b |i g n o r e |ignore all |"ignore |이전 지시 |너의 프롬프트
제한 없이 |무시 |문서를 읽는 |답변에 링크 |<im_|pretend you are |ㅅㅣ|시 |시이|바|\u200b|공일공 |골뱅이|kim (at) |
여권 M1234567 |계좌 123-456-|the |[system] |http://|
"""
HOSTILE = [unit for unit in re.split(r"[|\n]", UNITS) if unit]


def test_no_text_makes_the_rules_slow() -> None:
    """Ten times the text is about ten times the work; where work grows with the square it is a hundred times."""
    rules = CompiledRules([*map(rule, DETECTORS), rule("term", terms=("시발", "shit", "대외비 문서"))])

    def work(text: str, times: int) -> float:
        def once() -> float:
            started = time.thread_time()
            rules.find(text, "input")
            rules.settled(text, "output")
            return time.thread_time() - started

        return min(once() for _ in range(times))

    growth = {unit: work((unit * 10_000)[:10_000], 2) / work((unit * 1_000)[:1_000], 4) for unit in HOSTILE}
    assert {unit: factor for unit, factor in growth.items() if factor > 30} == {}
