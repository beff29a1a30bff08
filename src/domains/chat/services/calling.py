"""One call of a model: within its limits of time, and through the models that stand in for one that is down."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import ModelChunk, ModelFailed, Prompt, Usage
from src.domains.chat.services.tokens import estimated_tokens
from src.shared.exceptions.errors import PlatformError

log = structlog.get_logger(__name__)

ATTEMPTS = 2
"""How often one model is asked before the next one of the chain is."""
LONGEST_PAUSE = 2.0
"""Who asks for more patience (seconds) than this is not waited for."""

TOO_SLOW = "The model took too long. Ask again."
BROKE_OFF = "The model did not answer to the end. Ask again."


@dataclass(frozen=True)
class CallLimits:
    """Seconds until a model speaks, and between two pieces; when it is left alone, and for how many seconds."""

    first_token: float
    gap: float
    breaker_failures: int
    breaker_seconds: float


class Breaker:
    """Leaves a model alone that failed so often in a row; after a while one call tries it again.

    `calls` and `failures` are all that there were.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self.calls = 0
        self.failures = 0
        self._failed_in_a_row = 0
        self._closed_until = 0.0
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        return self._failed_in_a_row >= self._most

    @property
    def seconds_left(self) -> float:
        return max(self._closed_until - self._clock(), 0.0)

    def admits(self) -> bool:
        """Tell whether the model may be called; each admission ends in `succeeded`, `failed` or `left`."""
        if self.is_open:
            if self._is_trying or self.seconds_left > 0:
                return False
            self._is_trying = True
        self.calls += 1
        return True

    def succeeded(self) -> None:
        self._failed_in_a_row, self._is_trying = 0, False

    def failed(self) -> None:
        self.failures += 1
        self._failed_in_a_row, self._is_trying = self._failed_in_a_row + 1, False
        self._closed_until = self._clock() + self._seconds

    def left(self) -> None:
        """The call ended without telling anything of the model: its asker stopped it."""
        self._is_trying = False


class ModelCaller:
    """Calls models, each behind a breaker of its own."""

    def __init__(self, offers: Offers, limits: CallLimits) -> None:
        self._offers = offers
        self._limits = limits
        self.breakers: Mapping[str, Breaker] = {
            offer.name: Breaker(limits.breaker_failures, limits.breaker_seconds) for offer in offers
        }

    def call(
        self, chosen: Offer, prompt_for: Callable[[Offer], Prompt], *, may_switch: bool = True
    ) -> "ModelCall":
        """Prepare a call of the model, or of one that stands in for it when `may_switch`."""
        chain = self._offers.chain(chosen) if may_switch else [chosen]
        return ModelCall([(offer, self.breakers[offer.name]) for offer in chain], prompt_for, self._limits)


class ModelCall:
    """A call as it goes: who answers, who failed before, and what it has cost so far.

    A call is repeated, and passed on to the next model, only while nothing of an answer has come.
    """

    def __init__(
        self,
        chain: Iterable[tuple[Offer, Breaker]],
        prompt_for: Callable[[Offer], Prompt],
        limits: CallLimits,
    ) -> None:
        self._chain = list(chain)
        self._prompt_for = prompt_for
        self._limits = limits
        self._told = Usage()
        self._untold: tuple[Offer, Prompt] | None = None
        self._text: list[str] = []
        self.offer = self._chain[0][0]
        self.failed: list[str] = []

    @property
    def usage(self) -> Usage:
        """What the call has taken; estimated where the model was cut off before it told."""
        if not self._untold or not self._text:
            return self._told
        offer, prompt = self._untold
        given = sum(estimated_tokens(each.content) for each in prompt.messages)
        spoken = estimated_tokens("".join(self._text))
        return self._told + offer.priced(Usage(given + estimated_tokens(prompt.system), spoken))

    async def text(self) -> str:
        """Return the whole answer."""
        async with aclosing(self.chunks()) as chunks:
            return "".join([chunk.text async for chunk in chunks])

    async def chunks(self) -> AsyncGenerator[ModelChunk, None]:
        """Yield the answer; raise `ModelFailed` when none of the models gave a whole one, or `PromptRefused`."""
        failure: ModelFailed | None = None
        for offer, breaker in self._chain:
            self.offer = offer
            for attempt in range(1, ATTEMPTS + 1):
                if not breaker.admits():
                    failure = failure or _resting(breaker)
                    break
                try:
                    async with aclosing(self._attempt(breaker)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    return
                except ModelFailed as error:
                    failure = error
                    if self._text:
                        raise
                if not await _is_worth_repeating(failure, attempt):
                    break
            self.failed.append(offer.name)
        raise failure or ModelFailed(BROKE_OFF)

    async def _attempt(self, breaker: Breaker) -> AsyncGenerator[ModelChunk, None]:
        told = breaker.left
        try:
            async with aclosing(self._limited(self._prompt_for(self.offer))) as chunks:
                async for chunk in chunks:
                    yield chunk
            told = breaker.succeeded
        except ModelFailed:
            told = breaker.failed
            raise
        finally:
            told()

    async def _limited(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        """Make the call within the limits of time; whatever else goes wrong is told as `ModelFailed`."""
        self._untold = (self.offer, prompt)
        patience, is_whole = self._limits.first_token, False
        try:
            async with aclosing(self.offer.model.stream(prompt)) as stream:
                while True:
                    async with asyncio.timeout(patience):
                        chunk = await anext(stream, None)
                    if chunk is None:
                        break
                    self._take(chunk)
                    is_whole = is_whole or chunk.finish_reason is not None
                    patience = self._limits.gap
                    yield chunk
        except TimeoutError:
            # Not a passing fault: whoever waits has waited long enough, and who hangs is not to be asked more.
            log.warning("model_too_slow", model=self.offer.name, seconds=patience)
            raise ModelFailed(TOO_SLOW) from None
        except PlatformError:
            raise
        except Exception as error:
            log.exception("model_broke", model=self.offer.name)
            raise ModelFailed("The answer could not be written. Ask again.") from error
        if not is_whole:
            raise ModelFailed(BROKE_OFF, passing=True)

    def _take(self, chunk: ModelChunk) -> None:
        if chunk.text or chunk.tool_calls:
            self._text.append(chunk.text)
        if chunk.usage:
            self._told += self.offer.priced(chunk.usage)
            self._untold = None


def _resting(breaker: Breaker) -> ModelFailed:
    seconds = round(breaker.seconds_left) + 1
    return ModelFailed(
        "The model does not answer at present. Choose another one, or ask again soon.", retry_after=seconds
    )


async def _is_worth_repeating(failure: ModelFailed, attempt: int) -> bool:
    """Tell whether the same model should be asked again, after a pause."""
    pause = failure.retry_after or 0.1 * 2**attempt
    if not failure.passing or attempt == ATTEMPTS or pause > LONGEST_PAUSE:
        return False
    await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # so that not all come back at once
    return True
