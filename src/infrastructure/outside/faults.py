"""Faults of services outside: passing ones are retried in one loop with a total deadline, others told at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay
from tenacity.wait import wait_exponential_jitter

T = TypeVar("T")

log = structlog.get_logger(__name__)

_growing = wait_exponential_jitter(multiplier=0.05, max=5.0, jitter=0.05)


class ServiceFault(Exception):
    """A service outside did not serve; the text says why, for logs.

    When it is `passing` the same call may succeed later, though not before `retry_after` seconds.
    """

    def __init__(self, text: str, *, passing: bool, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.passing = passing
        self.retry_after = retry_after


def malformed(what: str) -> ServiceFault:
    """Return the fault of a service that answers in a form that is not its own."""
    return ServiceFault(f"the answer is malformed: {what}", passing=False)


async def retried(call: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Await `call()`, and again while its `ServiceFault` is a passing one, for so many seconds in all.

    Raises the last `ServiceFault`; one that asks for more patience than is left is not tried again.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, ServiceFault) and error.passing),
        wait=_pause,
        stop=stop_before_delay(seconds),
        before_sleep=_log_fault,
        reraise=True,
    )
    seen: list[str] = []

    async def attempt() -> T:
        try:
            return await call()
        except ServiceFault as fault:
            seen.append(str(fault))
            raise

    try:
        async with asyncio.timeout(seconds):
            return await retrying(attempt)
    except TimeoutError:
        text = "; ".join([f"no answer within {seconds:g} seconds", *seen[-1:]])
        raise ServiceFault(text, passing=True) from None


async def together(calls: Iterable[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Await the calls, so many at a time, and return their answers in order.

    The first error ends the others and is raised by itself.
    """
    places = asyncio.Semaphore(at_once)

    async def in_turn(call: Callable[[], Awaitable[T]]) -> T:
        async with places:
            return await call()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(call)) for call in calls]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def retry_after(header: str | None) -> float:
    """Return the seconds of a Retry-After header; 0 for none, and for the form that is a date."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked_for = error.retry_after if isinstance(error, ServiceFault) else 0.0
    return max(asked_for, _growing(state))


def _log_fault(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("service_fault_retried", attempt=state.attempt_number, error=str(error))
