"""A real model, as `make model` serves it on this machine, asked through the adapter of its provider."""

import asyncio
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from src.domains.chat.services.ports import ChatModel, ContextTooLong, ModelChunk, Prompt, PromptMessage
from src.infrastructure.container.models import default_model
from src.infrastructure.settings import Settings
from tests.e2e.conftest import ROOT, free_port

pytest.importorskip("xllamacpp", reason="make model installs it")

SECONDS = 90
"""How long the server may live; it is ended, whatever became of the tests."""


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "src.commands.model", "--port", str(free_port())]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    too_long = threading.Timer(SECONDS, process.kill)
    too_long.start()
    yield process
    too_long.cancel()
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def told(process: subprocess.Popen[str]) -> str:
    """The settings that the command tells; it does so when the model is loaded."""
    assert process.stdout
    return next(line for line in process.stdout if line.startswith("CHAT__MODELS"))


@pytest.fixture
async def model(told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[ChatModel]:
    monkeypatch.chdir(tmp_path)
    for name, quoted, bare in re.findall(r"(CHAT__\w+)=(?:'(.+?)'|(\S+))", told):
        monkeypatch.setenv(name, quoted or bare)
    model = default_model(Settings())
    yield model
    await model.close()


def asked(question: str, max_tokens: int = 30) -> Prompt:
    return Prompt(
        (PromptMessage("user", question),),
        system="You are a helpful assistant.",
        max_tokens=max_tokens,
        temperature=0.0,
    )


async def answered(model: ChatModel, prompt: Prompt) -> tuple[str, ModelChunk]:
    chunks = [chunk async for chunk in model.stream(prompt)]
    return "".join(chunk.text for chunk in chunks), chunks[-1]


async def test_it_answers(model: ChatModel) -> None:
    text, last = await answered(model, asked("What is the capital of France?"))
    assert "Paris" in text
    assert last.finish_reason == "stop"
    assert last.usage
    assert last.usage.tokens_in > 20
    assert last.usage.tokens_out > 3


async def test_it_stops_at_the_limit_of_tokens(model: ChatModel) -> None:
    _text, last = await answered(model, asked("Tell me a long story.", max_tokens=5))
    assert last.finish_reason == "length"
    assert last.usage
    assert last.usage.tokens_out == 5


async def test_a_conversation_that_does_not_fit_is_told_as_such(model: ChatModel) -> None:
    with pytest.raises(ContextTooLong):
        await answered(model, asked("How are you? " * 2_000))


async def test_answers_that_are_left_make_room(model: ChatModel) -> None:
    """More of them than the server writes at once; four that went on would keep it busy for two minutes."""
    async with asyncio.timeout(60):
        for _number in range(6):
            async with aclosing(model.stream(asked("Tell me a long story.", max_tokens=3_000))) as chunks:
                assert (await anext(chunks)).text
        assert (await answered(model, asked("Say hello.")))[0]


def test_it_ends_when_it_is_told_to(process: subprocess.Popen[str], told: str) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
