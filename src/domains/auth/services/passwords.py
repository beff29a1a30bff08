"""Passwords: argon2id, off the event loop, a bounded number at once."""

import asyncio

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
PASSES, KIB, LANES = 2, 19 * 1024, 1


class PasswordHasher:
    """Hashes and verifies with argon2id; each call takes tens of milliseconds of a core and tens of MiB."""

    def __init__(self, at_once: int) -> None:
        self._hasher = PasswordHash([Argon2Hasher(time_cost=PASSES, memory_cost=KIB, parallelism=LANES)])
        self._slots = asyncio.Semaphore(at_once)
        self._unused_hash = self._hasher.hash("compared against when there is no such account")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password fits; takes as long when there is no hash to compare with."""
        async with self._slots:
            fits = await asyncio.to_thread(self._hasher.verify, password, password_hash or self._unused_hash)
        return fits and password_hash is not None
