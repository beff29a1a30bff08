"""Passwords: what they may be, and argon2id, off the event loop, a bounded number at once."""

import asyncio
import unicodedata
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from src.shared.exceptions.errors import InvalidRequest, NotAllowed

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
PASSES, KIB, LANES = 2, 19 * 1024, 1
SHORTEST, LONGEST = 8, 128
"""Characters (code points) of a password; length is what makes one strong, so nothing is asked of their kind."""


class WeakPassword(InvalidRequest):
    code = "weak_password"


class WrongPassword(NotAllowed):
    """Of somebody who is known otherwise; 401 would tell a client that its sign-in has ended."""

    code = "wrong_password"


class PasswordHasher:
    """Hashes and verifies with argon2id; each call takes tens of milliseconds of a core and tens of MiB.

    Passwords are taken in Unicode's form NFC: keyboards send the same one in different forms.
    """

    def __init__(self, at_once: int) -> None:
        self._hasher = PasswordHash([Argon2Hasher(time_cost=PASSES, memory_cost=KIB, parallelism=LANES)])
        self._slots = asyncio.Semaphore(at_once)
        self._unused_hash = self._hasher.hash("compared against when there is no such account")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, _normalised(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password fits; takes as long when there is no hash to compare with."""
        compared = password_hash or self._unused_hash
        async with self._slots:
            fits = await asyncio.to_thread(self._hasher.verify, _normalised(password), compared)
        return fits and password_hash is not None


def refuse_weak(password: str, email: str, name: str) -> None:
    """Raise `WeakPassword` for what is too short, too long, or among the first that anybody would try."""
    password = _normalised(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"A password has {SHORTEST} to {LONGEST} characters.")
    folded = password.casefold()
    if folded in {_normalised(own).casefold() for own in (email, email.partition("@")[0], name)}:
        raise WeakPassword("Your own name or address is easily guessed. Choose another password.")
    if folded in _common():
        raise WeakPassword("This is one of the most common passwords. Choose another one.")


@cache
def _common() -> frozenset[str]:
    # zxcvbn's lists take 40 ms and some MB to load: only once somebody sets a password.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(each for each in FREQUENCY_LISTS["passwords"] if len(each) >= SHORTEST)


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text)
