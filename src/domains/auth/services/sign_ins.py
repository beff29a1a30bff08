"""Sign-ins: one for each device, kept alive by refresh tokens, seen and ended by whose they are."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from src.domains.auth.models import SignIn, User
from src.domains.auth.repositories.sign_ins import SignInRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.directory import rights_of
from src.domains.auth.services.tokens import AccessTokens, RefreshTokens, family_hash, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import SignedIn, SignedOut
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import NotAuthenticated, NotFound

GRACE = timedelta(seconds=5)
"""How long the refresh token of before may be shown once more: by a second tab, or after a lost answer."""
MOST_SIGN_INS = 50
"""Open sign-ins of one person; the oldest gives way."""
KEPT_AFTER_END = timedelta(days=7)
"""Longer than any access token of it may be about."""

Method = Literal["password", "second_factor", "recovery_code", "openid"]


class InvalidRefreshToken(NotAuthenticated):
    code = "invalid_refresh_token"


class UnknownSignIn(NotFound):
    code = "unknown_sign_in"


@dataclass(frozen=True)
class Caller:
    """Where a request comes from: a network address and what the client calls itself."""

    address: str
    user_agent: str


@dataclass(frozen=True)
class TokenPair:
    """What a sign-in yields; `expires_in` is the access token's lifetime in seconds.

    `device_token` shows at a later sign-in that it comes from a device that has signed in before.
    """

    access_token: str
    refresh_token: str
    expires_in: int
    device_token: str | None = None


class SignInService:
    """What becomes of a sign-in once somebody has shown who they are."""

    def __init__(
        self,
        database: Database,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        lifetime: timedelta,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._lifetime = lifetime
        self._directory_is_current = directory_is_current

    def open(self, uow: UnitOfWork, user: User, caller: Caller, method: Method) -> TokenPair:
        """Open a sign-in for whoever has just shown to be this person."""
        sign_ins, now, refresh_token = SignInRepository(uow), utc_now(), self._refresh_tokens.first()
        sign_ins.delete_closed_of(user.id, now - max(KEPT_AFTER_END, self._access_tokens.lifetime))
        for oldest in sign_ins.open_of(user.id, now)[: 1 - MOST_SIGN_INS]:
            end(uow, oldest, "too_many")
        sign_in = SignIn(
            user_id=user.id,
            family_hash=family_hash(refresh_token),
            refresh_hash=token_hash(refresh_token),
            created_at=now,
            refreshed_at=now,
            expires_at=now + self._lifetime,
            address=caller.address,
            user_agent=caller.user_agent,
        )
        sign_ins.add(sign_in)
        uow.record(SignedIn(user_id=user.id, sign_in_id=sign_in.id, method=method))
        return self._pair(user, sign_in.id, refresh_token)

    async def refresh(self, refresh_token: str, caller: Caller) -> TokenPair:
        """Exchange a refresh token for a new pair.

        The old token holds no longer. If it is shown later, somebody has a copy of it, and it is not known
        who: the sign-in ends.
        """
        await self._refuse_ended(refresh_token)
        following = self._refresh_tokens.after(refresh_token)

        def rotate(uow: UnitOfWork) -> tuple[User, UUID] | None:
            sign_in, now = _open_sign_in(uow, refresh_token, for_update=True), utc_now()
            if sign_in.refresh_hash == token_hash(refresh_token):
                sign_in.refresh_hash, sign_in.refreshed_at = token_hash(following), now
                sign_in.address, sign_in.user_agent = caller.address, caller.user_agent
            elif sign_in.refresh_hash != token_hash(following) or now - sign_in.refreshed_at > GRACE:
                end(uow, sign_in, "token_reused")
                return None
            user = UserRepository(uow).get(sign_in.user_id)
            if user is None or not user.is_active:
                raise InvalidRefreshToken("This account is switched off. Ask your administrator.")
            return user, sign_in.id

        rotated = await self._database.write(rotate)
        if rotated is None:
            await self._directory_is_current()
            raise InvalidRefreshToken("This sign-in was ended: its token was used twice. Sign in again.")
        return self._pair(*rotated, following)

    async def sign_out(self, refresh_token: str) -> None:
        """End the sign-in: neither its refresh token nor its access tokens hold any longer."""
        await self._refuse_ended(refresh_token)
        await self._database.write(
            lambda uow: end(uow, _open_sign_in(uow, refresh_token, for_update=True), "asked")
        )
        await self._directory_is_current()

    async def page(self, user_id: UUID, after: UUID | None, limit: int) -> Sequence[SignIn]:
        """Return a person's open sign-ins, oldest first."""
        return await self._database.read(
            lambda uow: SignInRepository(uow).page_of(user_id, utc_now(), after, limit)
        )

    async def end(self, user_id: UUID, sign_in_id: UUID) -> None:
        """End one of a person's sign-ins, on whichever device."""

        def end_one(uow: UnitOfWork) -> None:
            found = [
                each for each in SignInRepository(uow).open_of(user_id, utc_now()) if each.id == sign_in_id
            ]
            if not found:
                raise UnknownSignIn("You have no such sign-in. It may have ended already.")
            end(uow, found[0], "asked")

        await self._database.write(end_one)
        await self._directory_is_current()

    async def end_others(self, user_id: UUID, kept_id: UUID | None) -> None:
        await self._database.write(lambda uow: end_all(uow, user_id, "asked", but=kept_id))
        await self._directory_is_current()

    async def _refuse_ended(self, refresh_token: str) -> None:
        """Refuse without waiting for the writer."""

        def look(uow: UnitOfWork) -> None:
            _open_sign_in(uow, refresh_token)

        await self._database.read(look)

    def _pair(self, user: User, sign_in_id: UUID, refresh_token: str) -> TokenPair:
        rights = rights_of(user)
        access_token = self._access_tokens.issue(user.id, sign_in_id, rights.role, rights.group_ids)
        return TokenPair(access_token, refresh_token, int(self._access_tokens.lifetime.total_seconds()))


Reason = Literal["asked", "token_reused", "password_changed", "too_many"]


def end(uow: UnitOfWork, sign_in: SignIn, reason: Reason) -> None:
    sign_in.ended_at = utc_now()
    uow.record(SignedOut(user_id=sign_in.user_id, sign_in_id=sign_in.id, reason=reason))


def end_all(uow: UnitOfWork, user_id: UUID, reason: Reason, *, but: UUID | None = None) -> None:
    """End a person's sign-ins, all but one."""
    for sign_in in SignInRepository(uow).open_of(user_id, utc_now()):
        if sign_in.id != but:
            end(uow, sign_in, reason)


def _open_sign_in(uow: UnitOfWork, refresh_token: str, *, for_update: bool = False) -> SignIn:
    hashed = family_hash(refresh_token)
    sign_in = SignInRepository(uow).open_by_family(hashed, utc_now(), for_update=for_update)
    if sign_in is None:
        raise InvalidRefreshToken("This sign-in has ended. Sign in again.")
    return sign_in
