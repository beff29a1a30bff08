"""Whether an address has an account decides nothing of what is done for a stranger: hashes and statements agree.

Times are measured by `python -m bench.alike`.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event

from src.domains.auth.services.attempts import Attempts
from src.domains.auth.services.login import LoginService, WrongCredentials
from src.domains.auth.services.password_changes import PasswordService
from src.domains.auth.services.passwords import PasswordHasher
from src.domains.auth.services.registration import RegistrationPolicy, RegistrationService
from src.domains.auth.services.second_factor import SecondFactorCodes
from src.domains.auth.services.sign_ins import Caller, SignInService
from src.domains.auth.services.tokens import AccessTokens, RefreshTokens
from src.infrastructure.settings import Settings
from tests.builders import PASSWORD
from tests.houses import House, running

SECRET = SecretStr("s" * 48)


class Auth:
    """The services that strangers reach, on a house without subscribers; notes what is done."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.hashes = 0
        hasher = PasswordHasher(1)
        for name in ("hash", "verify"):
            setattr(hasher, name, self._counting(getattr(hasher, name)))
        database, attempts = house.database, Attempts(house.database)
        tokens = AccessTokens(SECRET, timedelta(minutes=15))
        sign_ins = SignInService(database, tokens, RefreshTokens(SECRET), timedelta(days=1), self._nothing)
        codes = SecondFactorCodes(SECRET)
        self._login = LoginService(database, hasher, attempts, codes, sign_ins, SECRET)
        policy = RegistrationPolicy(confirmed=True)
        self._registration = RegistrationService(database, hasher, attempts, policy, self._nothing)
        self._passwords = PasswordService(database, hasher, attempts, self._nothing)

    async def login(self, email: str) -> None:
        with suppress(WrongCredentials):
            await self._login.sign_in(email, "a wrong password", Caller("192.0.2.1", "test"))

    async def register(self, email: str) -> None:
        await self._registration.register(email, PASSWORD, "Somebody", None)

    async def reset(self, email: str) -> None:
        await self._passwords.ask_reset(email)

    @contextmanager
    def noting_statements(self) -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            if "auth_" in statement or "event_log" in statement:
                statements.append(statement)

        event.listen(self._house.engine, "before_cursor_execute", note)
        yield statements
        event.remove(self._house.engine, "before_cursor_execute", note)

    def _counting(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*arguments: Any) -> Any:
            self.hashes += 1
            return await call(*arguments)

        return counted

    async def _nothing(self) -> None:
        """No directory waits here."""


@pytest.mark.parametrize(("door", "hashes"), [("login", 1), ("register", 1), ("reset", 0)])
async def test_the_same_is_done_for_every_address(settings: Settings, door: str, hashes: int) -> None:
    async with running(settings, lambda _bus: None) as house:
        auth = Auth(house)
        await auth.register("known@example.com")
        await getattr(auth, door)(
            "third@example.com"
        )  # so that both find somebody's counts and registrations
        done = []
        for email in ("known@example.com", "other@example.com"):
            auth.hashes = 0
            with auth.noting_statements() as statements:
                await getattr(auth, door)(email)
            done.append((auth.hashes, statements))
    assert done[0] == done[1]
    assert done[0][0] == hashes
    assert len(done[0][1]) >= 4
