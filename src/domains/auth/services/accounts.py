"""Accounts and sign-ins."""

import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from src.domains.auth.models import SignIn, User
from src.domains.auth.repositories.sign_ins import SignInRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.directory import rights_of
from src.domains.auth.services.passwords import PasswordHasher
from src.domains.auth.services.tokens import AccessTokens, new_refresh_token, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import SignedOut, UserRegistered
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotAuthenticated, NotFound

ACCOUNTS = "auth.accounts"
"""The lock of those who decide by what other accounts there are."""


class EmailTaken(Conflict):
    code = "email_taken"


class WrongCredentials(NotAuthenticated):
    code = "wrong_credentials"


class InvalidRefreshToken(NotAuthenticated):
    code = "invalid_refresh_token"


class UnknownUser(NotFound):
    code = "unknown_user"


@dataclass(frozen=True)
class TokenPair:
    """What a sign-in yields; `expires_in` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class AccountService:
    """Registration, sign-in, and one's own account."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        tokens: AccessTokens,
        sign_in_lifetime: timedelta,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._sign_in_lifetime = sign_in_lifetime
        self._directory_is_current = directory_is_current

    async def register(self, email: str, password: str, name: str) -> User:
        """Make an account; the first one of all is the administrator's."""
        password_hash = await self._passwords.hash(password)

        def register(uow: UnitOfWork) -> User:
            uow.lock(ACCOUNTS)  # only one can find the address free, or the table empty
            users = UserRepository(uow)
            if users.by_email(identity(email)):
                raise EmailTaken("There is an account with this e-mail address. Sign in instead.")
            role = "admin" if users.count() == 0 else "user"
            user = User(
                email=identity(email),
                name=name,
                password_hash=password_hash,
                role=role,
                is_active=True,
                created_at=utc_now(),
                groups=[],
            )
            users.add(user)
            uow.record(UserRegistered(user_id=user.id, role=role))
            return user

        user = await self._database.write(register, alone=True)
        await self._directory_is_current()
        return user

    async def sign_in(self, email: str, password: str) -> TokenPair:
        """Check the password and open a sign-in. An unknown address and a wrong password answer alike."""
        user = await self._database.read(lambda uow: UserRepository(uow).by_email(identity(email)))
        fits = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not fits or not user.is_active:
            raise WrongCredentials("The e-mail address or the password is wrong.")
        user_id, refresh_token = user.id, new_refresh_token()

        def open_sign_in(uow: UnitOfWork) -> SignIn:
            now = utc_now()
            sign_in = SignIn(
                user_id=user_id,
                refresh_hash=token_hash(refresh_token),
                created_at=now,
                expires_at=now + self._sign_in_lifetime,
            )
            SignInRepository(uow).add(sign_in)
            return sign_in

        sign_in = await self._database.write(open_sign_in)
        return self._token_pair(user, sign_in, refresh_token)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair; the old one holds no longer."""
        await self._refuse_ended(refresh_token)
        following = new_refresh_token()

        def rotate(uow: UnitOfWork) -> tuple[User, SignIn]:
            sign_in = _open_sign_in(uow, refresh_token, for_update=True)
            sign_in.refresh_hash = token_hash(following)
            user = UserRepository(uow).get(sign_in.user_id)
            if user is None or not user.is_active:
                raise InvalidRefreshToken("This account is switched off. Ask your administrator.")
            return user, sign_in

        user, sign_in = await self._database.write(rotate)
        return self._token_pair(user, sign_in, following)

    async def sign_out(self, refresh_token: str) -> None:
        """End the sign-in: neither its refresh token nor its access tokens hold any longer."""
        await self._refuse_ended(refresh_token)

        def end(uow: UnitOfWork) -> None:
            sign_in = _open_sign_in(uow, refresh_token, for_update=True)
            sign_in.ended_at = utc_now()
            uow.record(SignedOut(user_id=sign_in.user_id, sign_in_id=sign_in.id))

        await self._database.write(end)
        await self._directory_is_current()

    async def account(self, user_id: UUID) -> User:
        return await self._database.read(lambda uow: find_user(uow, user_id))

    async def rename(self, user_id: UUID, name: str) -> User:
        def rename(uow: UnitOfWork) -> User:
            user = find_user(uow, user_id)
            user.name = name
            return user

        return await self._database.write(rename)

    async def _refuse_ended(self, refresh_token: str) -> None:
        """Refuse without waiting for the writer."""

        def look(uow: UnitOfWork) -> None:
            _open_sign_in(uow, refresh_token)

        await self._database.read(look)

    def _token_pair(self, user: User, sign_in: SignIn, refresh_token: str) -> TokenPair:
        rights = rights_of(user)
        access_token = self._tokens.issue(user.id, sign_in.id, rights.role, rights.group_ids)
        return TokenPair(access_token, refresh_token, int(self._tokens.lifetime.total_seconds()))


def identity(email: str) -> str:
    """Return the one form of an address that accounts are kept and found by."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def find_user(uow: UnitOfWork, user_id: UUID) -> User:
    user = UserRepository(uow).get(user_id)
    if user is None:
        raise UnknownUser("There is no such person.")
    return user


def _open_sign_in(uow: UnitOfWork, refresh_token: str, *, for_update: bool = False) -> SignIn:
    sign_ins, hashed = SignInRepository(uow), token_hash(refresh_token)
    sign_in = sign_ins.open_by_refresh_hash(hashed, utc_now(), for_update=for_update)
    if sign_in is None:
        raise InvalidRefreshToken("This sign-in has ended. Sign in again.")
    return sign_in
