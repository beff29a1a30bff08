"""Log lines reach standard output, each once, whoever writes them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from src.infrastructure.logging import Lines


async def test_lines_of_one_round_of_the_loop_are_written_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    lines.msg("one")
    lines.msg("two")
    assert capsys.readouterr().out == ""
    await asyncio.sleep(0)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_line_from_elsewhere_is_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().msg("one")
    assert capsys.readouterr().out == "one\n"


def test_threads_lose_and_repeat_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: lines.msg(str(number)), range(2_000)))
    assert sorted(map(int, capsys.readouterr().out.split())) == list(range(2_000))
