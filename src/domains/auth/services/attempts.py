"""Growing delays for whoever guesses, kept in the database so that all server processes count together.

Attempts are counted before they are made: those that come at once do not slip through between a look and
a count. Three laws keep a victim from being locked out by somebody else's guesses:

- a device that signed in before shows its `device_token`, and is held back by its own attempts alone;
- a delay ends, the longest after `Pace.longest`, and the right password then clears it;
- a link that was sent to the person's address sets a new password, and clears it too.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.domains.auth.models import AttemptCount
from src.domains.auth.repositories.attempts import AttemptRepository
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import PlatformError

ATTEMPTS = "auth.attempts"
"""The lock of those who count."""


class TooManyAttempts(PlatformError):
    status = 429
    code = "too_many_attempts"


@dataclass(frozen=True)
class Pace:
    """How many attempts are `free`; each further one doubles the wait, from `first` to `longest`.

    An attempt is forgotten after `forgiven_after`; so in the long run one guess in that time is possible.
    """

    free: int
    forgiven_after: timedelta
    longest: timedelta
    first: timedelta = timedelta(seconds=1)


PASSWORDS = Pace(5, timedelta(minutes=15), timedelta(minutes=15))
"""For an account, a device or a challenge: about a hundred guesses a day."""
ADDRESSES = Pace(50, timedelta(minutes=1), timedelta(minutes=1))
"""For a network address, which a whole company may have: it slows down who tries many accounts."""
MAILS = Pace(3, timedelta(minutes=20), timedelta(minutes=20), first=timedelta(minutes=20))
"""For mails to one address."""


class Attempts:
    """Counts attempts under keys; a key says whose they are (`account:...`, `device:...`, `address:...`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, key: str, pace: Pace = PASSWORDS, *, beside: str | None = None) -> None:
        """Count an attempt that is about to be made; raise `TooManyAttempts` while it has to wait.

        It must not be `beside` a key that has to wait, either; that one is counted by who fails.
        """
        keys = [key, beside] if beside else [key]
        await self._database.read(lambda uow: _refuse_early(uow, keys))  # without waiting for the writer

        def begin(uow: UnitOfWork) -> None:
            uow.lock(ATTEMPTS)
            _refuse_early(uow, keys)
            count(uow, key, pace)

        await self._database.write(begin, alone=True)


def account_key(email: str) -> str:
    return f"account:{email}"


def wait(uow: UnitOfWork, keys: list[str]) -> int:
    """Return how many seconds an attempt has to wait until all the keys are open."""
    now = utc_now()
    closed_until = AttemptRepository(uow).closed_until([_hash(key) for key in keys])
    return max(0, math.ceil((closed_until - now).total_seconds())) if closed_until else 0


def count(uow: UnitOfWork, key: str, pace: Pace) -> None:
    """Count an attempt, and forget those of long ago."""
    counts, now = AttemptRepository(uow), utc_now()
    counts.forget(now)
    before = counts.get(_hash(key))
    attempts = 1 + (_left(before, pace, now) if before else 0)
    pause = timedelta(0)
    if attempts > pace.free:
        pause = min(pace.first * 2 ** min(attempts - pace.free - 1, 20), pace.longest)
    counts.save(
        AttemptCount(
            key_hash=_hash(key),
            attempts=attempts,
            counted_at=now,
            closed_until=now + pause,
            forgotten_at=now + attempts * pace.forgiven_after,
        )
    )


def clear(uow: UnitOfWork, key: str) -> None:
    AttemptRepository(uow).delete(_hash(key))


def _refuse_early(uow: UnitOfWork, keys: list[str]) -> None:
    if seconds := wait(uow, keys):
        detail = f"That was tried too often. Wait {seconds} seconds, then try it again."
        raise TooManyAttempts(detail, retry_after=seconds)


def _left(count: AttemptCount, pace: Pace, now: datetime) -> float:
    return max(0.0, count.attempts - (now - count.counted_at) / pace.forgiven_after)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
