"""New passwords: by the one before, or by a link that was sent to the person's address."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from src.domains.auth.models import User
from src.domains.auth.repositories.password_resets import PasswordResetRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services import attempts, sign_ins
from src.domains.auth.services.accounts import find_user, identity
from src.domains.auth.services.attempts import Attempts
from src.domains.auth.services.mails import may_be_mailed
from src.domains.auth.services.passwords import PasswordHasher, WrongPassword, refuse_weak
from src.domains.auth.services.tokens import InvalidLink, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import PasswordChanged, PasswordResetAsked
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict
from src.shared.middleware.authentication import Principal


class NoPassword(Conflict):
    code = "no_password"


class PasswordService:
    """Changes passwords. Whoever signed in by the one before is signed out."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        attempts: Attempts,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._directory_is_current = directory_is_current

    async def check(self, principal: Principal, password: str) -> User:
        """Have somebody who is signed in show that it is they; raise `WrongPassword` if it is not.

        Counted by the sign-in: a stolen one cannot guess, and guessing does not hold up its owner.
        """
        user = await self._database.read(lambda uow: find_user(uow, principal.user_id))
        if user.password_hash is None:
            raise NoPassword(
                "You sign in elsewhere and have no password here. Set one by a link to your address."
            )
        key = f"sign_in:{principal.sign_in_id}"
        await self._attempts.begin(key)
        if not await self._passwords.verify(password, user.password_hash):
            raise WrongPassword("This is not your password.")
        await self._database.write(lambda uow: attempts.clear(uow, key))
        return user

    async def change(self, principal: Principal, current_password: str, new_password: str) -> None:
        user = await self.check(principal, current_password)
        refuse_weak(new_password, user.email, user.name)
        password_hash = await self._passwords.hash(new_password)

        def change(uow: UnitOfWork) -> None:
            find_user(uow, user.id).password_hash = password_hash
            PasswordResetRepository(uow).delete_of(user.id)
            sign_ins.end_all(uow, user.id, "password_changed", but=principal.sign_in_id)
            uow.record(PasswordChanged(user_id=user.id, means="password"))

        await self._database.write(change)
        await self._directory_is_current()

    async def ask_reset(self, email: str) -> None:
        """Have a link sent to the address, if it has an account.

        The same is done for every address: an event is saved. A reaction makes the link and sends it later,
        so that neither the answer nor its time tells whether there is an account.
        """

        def ask(uow: UnitOfWork) -> None:
            if may_be_mailed(uow, email):
                user = UserRepository(uow).credentials(identity(email))
                uow.record(PasswordResetAsked(user_id=user.user_id if user else None))

        await self._database.write(ask, alone=True)

    async def reset(self, token: str, new_password: str) -> None:
        """Set a new password for whoever has the link, and end all their sign-ins."""
        user = await self._database.read(lambda uow: find_user(uow, _user_of(uow, token)))
        refuse_weak(new_password, user.email, user.name)
        password_hash = await self._passwords.hash(new_password)

        def reset(uow: UnitOfWork) -> None:
            user = find_user(uow, _user_of(uow, token, for_update=True))
            user.password_hash = password_hash
            PasswordResetRepository(uow).delete_of(user.id)
            sign_ins.end_all(uow, user.id, "password_changed")
            attempts.clear(uow, attempts.account_key(user.email))
            uow.record(PasswordChanged(user_id=user.id, means="reset"))

        await self._database.write(reset)
        await self._directory_is_current()


def _user_of(uow: UnitOfWork, token: str, *, for_update: bool = False) -> UUID:
    user_id = PasswordResetRepository(uow).user_of(token_hash(token), utc_now(), for_update=for_update)
    if user_id is None:
        raise InvalidLink
    return user_id
