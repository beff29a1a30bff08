"""Calls of models: limits of time, repetition, models that stand in for others, and the breaker of each."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from src.domains.chat.services import calling
from src.domains.chat.services.calling import Breaker, CallLimits, ModelCall, ModelCaller
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import (
    ModelChunk,
    ModelFailed,
    Prompt,
    PromptMessage,
    PromptRefused,
    ToolCall,
    Usage,
)
from src.domains.chat.services.tokens import estimated_tokens

PROMPT = Prompt((PromptMessage("user", "How are you?"),), system="Be kind.")
PATIENT = CallLimits(first_token=30, gap=30, breaker_failures=3, breaker_seconds=10)
LAST = ModelChunk(usage=Usage(11, 7), finish_reason="stop")
BUSY, BROKEN = ModelFailed("busy", passing=True), ModelFailed("broken")

Step = ModelChunk | Exception | asyncio.Event


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Played:
    """A model that plays a script for each call, the last one again and again; it waits at events.

    `waiting` is set when it does, `calls` counts, and `left` how many calls were ended by their caller.
    """

    def __init__(self, *scripts: Sequence[Step], name: str = "played") -> None:
        self.name = name
        self.scripts = list(scripts)
        self.calls = 0
        self.left = 0
        self.waiting = asyncio.Event()

    async def stream(self, _prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        script = self.scripts[min(self.calls, len(self.scripts) - 1)]
        self.calls += 1
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    self.waiting.set()
                    await step.wait()
                else:
                    yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise

    async def close(self) -> None:
        pass


def said(*pieces: str) -> list[Step]:
    return [*(ModelChunk(piece) for piece in pieces), LAST]


def offered(model: Played, *, price_out: float = 0.0) -> Offer:
    return Offer(model.name, model.name, model, 8_192, 1_024, price_out=price_out)


def chain(
    *models: Played, limits: CallLimits = PATIENT, breakers: Sequence[Breaker] = (), price_out: float = 0.0
) -> ModelCall:
    """Return a call of the first model, for which the others stand in."""
    breakers = breakers or [Breaker(3, 10) for _ in models]
    offers = [offered(model, price_out=price_out) for model in models]
    return ModelCall(list(zip(offers, breakers, strict=True)), lambda _offer: PROMPT, limits)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Repetitions come at once; the pauses that there would be are noted."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(calling.asyncio, "sleep", note)
    return pauses


class TestBreaker:
    """Closed, open, on trial."""

    def test_it_opens_after_so_many_failures_in_a_row(self) -> None:
        breaker = Breaker(3, 10, Clock())
        for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
            assert breaker.admits()
            outcome()
        assert breaker.admits()
        breaker.failed()
        assert breaker.is_open
        assert not breaker.admits()

    def test_an_asker_who_leaves_says_nothing_of_the_model(self) -> None:
        breaker = Breaker(2, 10, Clock())
        breaker.failed()
        breaker.left()
        breaker.failed()
        assert breaker.is_open

    def test_after_its_seconds_one_call_alone_tries(self) -> None:
        clock = Clock()
        breaker = Breaker(1, 10, clock)
        breaker.failed()
        clock.now += 9.9
        assert not breaker.admits()
        assert breaker.seconds_left == pytest.approx(0.1)
        clock.now += 0.1
        assert breaker.admits()
        assert not breaker.admits()

    def test_a_trial_that_succeeds_closes_it(self) -> None:
        clock = Clock()
        breaker = Breaker(1, 10, clock)
        breaker.failed()
        clock.now += 10
        assert breaker.admits()
        breaker.succeeded()
        assert not breaker.is_open
        assert breaker.admits()
        assert breaker.admits()

    def test_a_trial_that_fails_leaves_the_model_alone_as_long_again(self) -> None:
        clock = Clock()
        breaker = Breaker(1, 10, clock)
        breaker.failed()
        clock.now += 10
        assert breaker.admits()
        breaker.failed()
        assert not breaker.admits()
        clock.now += 10
        assert breaker.admits()

    def test_a_trial_whose_asker_leaves_lets_the_next_call_try(self) -> None:
        clock = Clock()
        breaker = Breaker(1, 10, clock)
        breaker.failed()
        clock.now += 10
        assert breaker.admits()
        breaker.left()
        assert breaker.admits()


async def test_a_passing_fault_before_the_first_word_is_tried_again(no_pauses: list[float]) -> None:
    model = Played([BUSY], said("Hello"))
    call = chain(model)
    assert await call.text() == "Hello"
    assert (model.calls, call.failed) == (2, [])
    [pause] = no_pauses
    assert 0 < pause <= 0.2


async def test_a_model_is_asked_twice_at_the_most() -> None:
    model = Played([BUSY])
    call = chain(model)
    with pytest.raises(ModelFailed, match="busy"):
        await call.text()
    assert (model.calls, call.failed) == (2, ["played"])


@pytest.mark.parametrize("fault", [BROKEN, ModelFailed("later", passing=True, retry_after=60)])
async def test_a_fault_that_will_not_pass_soon_is_not_waited_for(
    fault: ModelFailed, no_pauses: list[float]
) -> None:
    model = Played([fault], said("Hello"))
    with pytest.raises(ModelFailed):
        await chain(model).text()
    assert (model.calls, no_pauses) == (1, [])


@pytest.mark.parametrize("shown", [ModelChunk("Hel"), ModelChunk(tool_calls=(ToolCall("1", "clock", "{}"),))])
async def test_nothing_is_repeated_or_passed_on_once_something_came(shown: ModelChunk) -> None:
    model, other = Played([shown, BUSY]), Played(said("Hello"), name="other")
    call = chain(model, other)
    with pytest.raises(ModelFailed, match="busy"):
        await call.text()
    assert (model.calls, other.calls) == (1, 0)
    assert call.offer.name == "played"


async def test_the_next_model_answers_for_one_that_failed() -> None:
    """And the next but one for both; who failed is told in order."""
    broken, busy, well = Played([BROKEN], name="a"), Played([BUSY], name="b"), Played(said("Hi"), name="c")
    call = chain(broken, busy, well)
    assert await call.text() == "Hi"
    assert (call.offer.name, call.failed) == ("c", ["a", "b"])
    assert (broken.calls, busy.calls) == (1, 2)


async def test_the_last_failure_is_raised_when_no_model_answers() -> None:
    call = chain(Played([BROKEN], name="a"), Played([ModelFailed("gone")], name="b"))
    with pytest.raises(ModelFailed, match="gone"):
        await call.text()
    assert call.failed == ["a", "b"]


async def test_a_refused_prompt_is_no_fault_of_the_model() -> None:
    """It is told at once, asked of no other model, and counts for no breaker."""
    breaker = Breaker(1, 10)
    model, other = Played([PromptRefused("too rude")]), Played(said("Hi"), name="other")
    with pytest.raises(PromptRefused):
        await chain(model, other, breakers=[breaker, Breaker(1, 10)]).text()
    assert (model.calls, other.calls, breaker.is_open) == (1, 0, False)


async def test_what_an_adapter_does_not_foresee_is_told_as_a_failure() -> None:
    with pytest.raises(ModelFailed, match="could not be written"):
        await chain(Played([ValueError("no such key")])).text()


async def test_an_answer_without_the_models_sign_of_its_end_is_a_failure() -> None:
    with pytest.raises(ModelFailed, match="to the end"):
        await chain(Played([ModelChunk("Hel")])).text()


async def test_a_model_that_is_left_alone_is_not_asked() -> None:
    """Until its seconds are over; then one call tries it, and closes its breaker."""
    clock = Clock()
    breaker = Breaker(2, 10, clock)
    model = Played([BUSY], [BUSY], said("I am back"))
    other = Played(said("Instead"), name="other")

    async def asked() -> tuple[str, str, list[str]]:
        call = chain(model, other, breakers=[breaker, Breaker(2, 10, clock)])
        return await call.text(), call.offer.name, call.failed

    assert await asked() == ("Instead", "other", ["played"])
    assert await asked() == ("Instead", "other", ["played"])
    assert model.calls == 2
    clock.now += 10
    assert await asked() == ("I am back", "played", [])
    assert not breaker.is_open


async def test_whoever_finds_every_model_left_alone_is_told_when_to_come_back() -> None:
    clock = Clock()
    breaker = Breaker(1, 10, clock)
    breaker.failed()
    clock.now += 3
    model = Played(said("Hi"))
    with pytest.raises(ModelFailed) as told:
        await chain(model, breakers=[breaker]).text()
    assert (model.calls, told.value.retry_after) == (0, 8)


async def test_a_breaker_opens_in_the_middle_of_repetitions() -> None:
    model = Played([BUSY])
    with pytest.raises(ModelFailed):
        await chain(model, breakers=[Breaker(1, 10)]).text()
    assert model.calls == 1


async def test_each_model_has_a_breaker_of_its_own_that_all_calls_share() -> None:
    broken, well = Played([BROKEN], name="a"), Played(said("Hi"), name="b")
    offers = Offers([offered(broken), offered(well)], default="a", fallbacks=["b"])
    caller = ModelCaller(offers, PATIENT)
    for _ in range(5):
        assert await caller.call(offers.get("a"), lambda _offer: PROMPT).text() == "Hi"
    assert broken.calls == PATIENT.breaker_failures
    resting = {name: breaker.is_open for name, breaker in caller.breakers.items()}
    assert resting == {"a": True, "b": False}
    with pytest.raises(ModelFailed):
        await caller.call(offers.get("a"), lambda _offer: PROMPT, may_switch=False).text()
    assert (broken.calls, well.calls) == (3, 5)


async def test_a_model_that_does_not_begin_is_given_up_for_the_next_one() -> None:
    """It is not asked again: whoever waits has waited long enough."""
    silent, other = Played([asyncio.Event()]), Played(said("Hi"), name="other")
    limits = CallLimits(first_token=0.01, gap=30, breaker_failures=3, breaker_seconds=10)
    call = chain(silent, other, limits=limits)
    assert await call.text() == "Hi"
    assert (silent.calls, silent.left, call.failed) == (1, 1, ["played"])


async def test_a_model_that_falls_silent_is_cut_off() -> None:
    """The first word may take long where a pause may not."""
    begin = asyncio.Event()
    model = Played([begin, ModelChunk("Hel"), asyncio.Event()])
    limits = CallLimits(first_token=30, gap=0.01, breaker_failures=1, breaker_seconds=10)
    call = chain(model, limits=limits)
    text: list[str] = []

    async def read() -> None:
        async for chunk in call.chunks():
            text.append(chunk.text)  # noqa: PERF401  # it is cut off

    reading = asyncio.create_task(read())
    await model.waiting.wait()
    begin.set()
    with pytest.raises(ModelFailed, match="too long"):
        await reading
    assert (text, model.calls, model.left) == (["Hel"], 1, 1)


async def test_a_call_that_is_left_ends_the_models_own() -> None:
    model = Played([ModelChunk("Hel"), asyncio.Event()])
    breaker = Breaker(1, 10)
    async with aclosing(chain(model, breakers=[breaker]).chunks()) as chunks:
        assert (await anext(chunks)).text == "Hel"
    assert (model.left, breaker.is_open) == (1, False)


async def test_a_call_that_is_cancelled_while_it_waits_ends_the_models_own() -> None:
    model = Played([asyncio.Event()])
    reading = asyncio.create_task(chain(model).text())
    await model.waiting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert model.left == 1


async def test_what_the_model_tells_of_its_usage_is_priced() -> None:
    call = chain(Played(said("Hello")), price_out=2.0)
    await call.text()
    assert call.usage == Usage(11, 7, 7 * 2.0 / 1_000_000)


async def test_usage_is_estimated_when_a_call_is_cut_off() -> None:
    """By what was given and what was said; nothing is counted for a call that said nothing."""
    words = "These are some words that were said before the end. "
    call = chain(Played([ModelChunk(words), ModelChunk(words), BROKEN]), price_out=1.0)
    with pytest.raises(ModelFailed):
        await call.text()
    tokens_in, tokens_out = estimated_tokens("How are you?") + estimated_tokens("Be kind."), 2 * words
    assert call.usage.tokens_in == tokens_in
    assert call.usage.tokens_out == estimated_tokens(tokens_out)
    assert call.usage.cost == pytest.approx(call.usage.tokens_out / 1_000_000)
    silent = chain(Played([BROKEN]))
    with pytest.raises(ModelFailed):
        await silent.text()
    assert silent.usage == Usage()


async def test_usage_of_a_call_that_was_repeated_is_that_of_the_one_that_answered() -> None:
    call = chain(Played([BUSY], said("Hello")))
    await call.text()
    assert call.usage == Usage(11, 7)
