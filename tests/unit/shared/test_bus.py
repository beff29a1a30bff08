"""The bus: requests have one responder, and publishing wakes whoever listens."""

import asyncio
from typing import ClassVar

import pytest

from src.shared.events.base import DomainEvent, DomainRequest
from src.shared.events.bus import EventBus, NoSingleResponder


class Happened(DomainEvent):
    name: ClassVar[str] = "test.happened"
    number: int = 0


class HappenedToo(DomainEvent):
    name: ClassVar[str] = "test.happened_too"


class Answered(DomainEvent):
    name: ClassVar[str] = "test.answered"
    number: int


class Asked(DomainRequest[Answered]):
    name: ClassVar[str] = "test.asked"
    number: int


async def double(request: Asked) -> Answered:
    return Answered(number=request.number * 2)


async def test_a_request_is_answered_by_its_responder() -> None:
    bus = EventBus()
    bus.respond(Asked, double)
    assert (await bus.request(Asked(number=21), timeout=1)).number == 42


async def test_a_request_that_takes_too_long_times_out() -> None:
    async def never(_request: Asked) -> Answered:
        await asyncio.Event().wait()
        raise AssertionError

    bus = EventBus()
    bus.respond(Asked, never)
    with pytest.raises(TimeoutError):
        await bus.request(Asked(number=1), timeout=0.01)


async def test_what_a_responder_raises_reaches_the_asker() -> None:
    async def fail(_request: Asked) -> Answered:
        raise ValueError("no index")

    bus = EventBus()
    bus.respond(Asked, fail)
    with pytest.raises(ValueError, match="no index"):
        await bus.request(Asked(number=1), timeout=1)


def test_zero_or_two_responders_stop_the_start() -> None:
    bus = EventBus()
    with pytest.raises(NoSingleResponder):
        bus.require_responders(Asked)
    bus.respond(Asked, double)
    bus.require_responders(Asked)
    with pytest.raises(NoSingleResponder):
        bus.respond(Asked, double)


def test_an_event_wakes_those_who_listen_to_it_and_nobody_else() -> None:
    bus = EventBus()
    bus.subscribe(Happened, lambda _uow, _event: None, name="a", kind="projection")
    bus.subscribe(HappenedToo, lambda _uow, _event: None, name="b", kind="projection")
    bus.publish([Happened()])
    assert {each.name: each.wake.is_set() for each in bus.subscriptions} == {"a": True, "b": False}


def test_one_subscription_hears_an_event_once_and_is_of_one_kind() -> None:
    bus = EventBus()
    bus.subscribe(Happened, lambda _uow, _event: None, name="a", kind="projection")
    with pytest.raises(ValueError, match="already listens"):
        bus.subscribe(Happened, lambda _uow, _event: None, name="a", kind="projection")
    with pytest.raises(ValueError, match="another kind"):
        bus.subscribe(HappenedToo, double, name="a", kind="reaction")


def test_an_event_is_read_back_by_newer_and_older_code() -> None:
    """Fields that this code does not know are ignored, and missing ones have their defaults."""
    written = {**Happened().model_dump(mode="json"), "added_later": 1}
    del written["number"]
    assert Happened.model_validate(written).number == 0
