"""Calls of Bedrock's models: how they wait, end, and run beside each other."""

import asyncio
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import aclosing
from itertools import count
from typing import Any

import pytest

from src.domains.chat.services.ports import (
    Prompt,
    PromptMessage,
)
from src.infrastructure.outside.aws_streams import AHEAD, AwsStreams
from src.infrastructure.outside.places import AwsPlace
from tests.standins.converse import ConverseStandIn, Hold, message, text
from tests.standins.serving import serving
from tests.unit.infrastructure.llm.bedrock_asked import (
    QUESTION,
    asking,
    failure,
    happens,
    threads_end,
    told,
)
from tests.web import CERTIFICATE

pytestmark = pytest.mark.usefixtures("aws_credentials")
before_and_within = pytest.mark.parametrize("frames", [0, 2], ids=["before the answer", "within it"])


async def test_a_model_may_think_before_it_speaks_and_between_words(
    url: str, standin: ConverseStandIn
) -> None:
    first, between = Hold(), Hold()
    frames = message(text("Hel", "lo"))
    standin.answer([first, *frames[:2], between, *frames[2:]])
    async with asking(url) as model, aclosing(model.stream(QUESTION)) as chunks:  # type: ignore[type-var]
        waiting = asyncio.ensure_future(anext(chunks))
        assert await happens(first.reached)
        assert not waiting.done()
        first.release()
        assert (await waiting).text == "Hel"
        between.release()
        assert [chunk.text async for chunk in chunks] == ["lo", ""]


@before_and_within
async def test_a_silence_that_lasts_too_long_is_a_failure(
    url: str, standin: ConverseStandIn, frames: int
) -> None:
    standin.answer([*message(text("Hel", "lo"))[:frames], Hold()])
    async with asking(url, silence=0.2) as model:
        before, failed = await failure(model)
    assert (before, failed.passing) == ("Hel" if frames else "", True)
    assert await happens(standin.calls[0].left)


@pytest.fixture(params=["plain", "tls"])
def any_url(
    request: pytest.FixtureRequest, standin: ConverseStandIn, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The stand-in's address, also as a name with a certificate."""
    with serving(standin.door, certificate=CERTIFICATE if request.param == "tls" else None) as address:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(CERTIFICATE))
        _resolve_to_this_machine(monkeypatch)
        yield address.replace("127.0.0.1", "wiki.example")


def _resolve_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: look_up("127.0.0.1", *rest, **more)
    )


@before_and_within
async def test_a_call_that_is_cancelled_is_ended_upstream_and_its_thread_goes_free(
    any_url: str, standin: ConverseStandIn, frames: int
) -> None:
    """The thread is in a read that nothing else would end; with one connection, the next call needs it back."""
    hold = Hold()
    standin.answer([*message(text("Hel", "lo"))[:frames], hold])
    async with asking(any_url, connections=1) as model:
        asked = asyncio.create_task(told(model))
        assert await happens(hold.reached)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await happens(standin.calls[0].left)
        assert (await told(model))[-1].finish_reason == "stop"


async def test_an_iteration_that_is_closed_ends_the_call_upstream(
    any_url: str, standin: ConverseStandIn
) -> None:
    standin.answer([*message(text("Hel", "lo"))[:2], Hold()])
    async with asking(any_url, connections=1) as model:
        async with aclosing(model.stream(QUESTION)) as chunks:  # type: ignore[type-var]
            assert (await anext(chunks)).text == "Hel"
        assert await happens(standin.calls[0].left)
        assert (await told(model))[-1].finish_reason == "stop"


@before_and_within
async def test_a_model_that_is_closed_ends_its_calls(
    any_url: str, standin: ConverseStandIn, frames: int
) -> None:
    hold = Hold()
    standin.answer([*message(text("Hel", "lo"))[:frames], hold])
    async with asking(any_url) as model:
        asked = asyncio.create_task(failure(model))
        assert await happens(hold.reached)
        await model.close()
        async with asyncio.timeout(10):
            assert (await asked)[1].passing
        assert await happens(standin.calls[0].left)


async def test_what_is_given_up_while_it_connects_is_not_asked(
    url: str, standin: ConverseStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting, go_on = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def slowly(*args: Any, **kwargs: Any) -> Any:
        connecting.set()
        assert go_on.wait(10)
        return look_up(*args, **kwargs)

    async with asking(url) as model:
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", slowly)
            asked = asyncio.create_task(told(model))
            assert await happens(connecting)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            go_on.set()
    assert standin.door.paths == []


async def test_giving_up_one_call_leaves_the_others_alone(url: str, standin: ConverseStandIn) -> None:
    hold, other = Hold(), Hold()
    frames = message(text("Hel", "lo"))
    standin.answer([*frames[:2], hold, *frames[2:]], [*frames[:2], other, *frames[2:]])
    async with asking(url) as model:
        kept = asyncio.create_task(told(model))
        assert await happens(hold.reached)
        given_up = asyncio.create_task(told(model))
        assert await happens(other.reached)
        given_up.cancel()
        assert await happens(standin.calls[1].left)
        hold.release()
        assert "".join(chunk.text for chunk in await kept) == "Hello"
    assert not standin.calls[0].left.is_set()


# Many at once


async def test_fifty_answers_are_written_at_once(url: str, standin: ConverseStandIn) -> None:
    """None goes on before all have begun."""
    begun = [Hold() for _ in range(50)]
    standin.usual = lambda body: _echo(body, begun)
    async with asking(url, connections=50) as model:
        asked = [
            asyncio.create_task(told(model, Prompt((PromptMessage("user", f"question {n}"),))))
            for n in range(50)
        ]
        for hold in begun:
            assert await happens(hold.reached)
        for hold in begun:
            hold.release()
        answers = await asyncio.gather(*asked)
    assert ["".join(chunk.text for chunk in each) for each in answers] == [
        f"You asked: question {n}." for n in range(50)
    ]


def _echo(body: dict[str, Any], holds: list[Hold]) -> list[Any]:
    asked = body["messages"][-1]["content"][0]["text"]
    frames = message(text("You asked: ", asked, "."))
    return [*frames[:2], holds[int(asked.split()[-1])], *frames[2:]]


async def test_more_than_there_are_connections_wait_for_one(url: str, standin: ConverseStandIn) -> None:
    async with asking(url, connections=2) as model:
        answers = await asyncio.gather(*(told(model) for _ in range(20)))
    assert all(answer[-1].finish_reason == "stop" for answer in answers)
    assert len({call.client for call in standin.calls}) <= 2


async def test_a_connection_is_kept_for_the_next_call(any_url: str, standin: ConverseStandIn) -> None:
    async with asking(any_url) as model:
        for _ in range(3):
            await told(model)
    assert len({call.client for call in standin.calls}) == 1


async def test_an_answer_that_came_whole_lets_go_of_its_connection(
    url: str, standin: ConverseStandIn
) -> None:
    """Whoever closes it late does not end the call that has the connection now."""
    hold = Hold()
    frames = message(text("Hel", "lo"))
    standin.answer(frames, [*frames[:2], hold, *frames[2:]])
    async with asking(url) as model:
        async with aclosing(model.stream(QUESTION)) as chunks:  # type: ignore[type-var]
            while not (await anext(chunks)).finish_reason:
                pass
            next_one = asyncio.create_task(told(model))
            assert await happens(hold.reached)
        hold.release()
        assert "".join(chunk.text for chunk in await next_one) == "Hello"
    assert len({call.client for call in standin.calls}) == 1


async def test_a_reader_that_is_slow_holds_the_model_back() -> None:
    """What is not taken is not read from the connection, beyond a bound."""
    read, full = 0, threading.Event()

    def endless(_client: Any) -> Generator[int, None, None]:
        nonlocal read
        for read in count(1):
            if read == AHEAD:
                full.set()
            yield read

    streams = AwsStreams("bedrock-runtime", AwsPlace("ap-northeast-2"), connections=1, silence=1.0)
    async with aclosing(streams.pieces(endless)) as pieces:
        taken = [await anext(pieces) for _ in range(3)]
        assert await happens(full)
    streams.close()
    assert await asyncio.to_thread(threads_end)
    assert taken == [1, 2, 3]
    assert read <= AHEAD + len(taken) + 1
