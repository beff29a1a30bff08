"""How people get accounts by themselves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from uuid_utils.compat import uuid7

from src.domains.auth.models import Language, Registration, User
from src.domains.auth.repositories.registrations import RegistrationRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services import attempts
from src.domains.auth.services.accounts import ACCOUNTS, create_account, identity
from src.domains.auth.services.attempts import Attempts
from src.domains.auth.services.mails import may_be_mailed
from src.domains.auth.services.passwords import PasswordHasher, WrongPassword, refuse_weak
from src.domains.auth.services.tokens import InvalidLink, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import RegistrationAsked
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import NotAllowed


class SignUpDisabled(NotAllowed):
    code = "sign_up_disabled"


class MailDomainNotAllowed(NotAllowed):
    code = "mail_domain_not_allowed"


@dataclass(frozen=True)
class RegistrationPolicy:
    """Who may sign up, and what they are then. No `domains` allow every mail domain.

    With `confirmed`, a newcomer shows by a link in a mail that the address is theirs, which takes
    `lifetime` at the most. Until then nothing tells whether the address has an account already.
    """

    enabled: bool = True
    role: Literal["pending", "user"] = "user"
    domains: frozenset[str] = frozenset()
    confirmed: bool = False
    lifetime: timedelta = timedelta(days=1)


class RegistrationService:
    """Makes accounts for those who sign up. The very first one can always be made: it is the administrator's."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        attempts: Attempts,
        policy: RegistrationPolicy,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._policy = policy
        self._directory_is_current = directory_is_current

    async def register(self, email: str, password: str, name: str, language: Language | None) -> User:
        """Make an account, or return what it will be once its address is confirmed: not active until then.

        Where addresses are confirmed the same is done for every address, known or not: the password is
        hashed, a row and an event are saved. Whose address it is shows when the mail is written.
        """
        if await self._database.read(lambda uow: UserRepository(uow).any()):
            self._refuse_unwanted(email)
        refuse_weak(password, email, name)
        password_hash = await self._passwords.hash(password)

        def register(uow: UnitOfWork) -> User:
            uow.lock(ACCOUNTS)  # only one can find the table empty
            if not UserRepository(uow).any():
                return create_account(uow, email, name, password_hash, "admin", language=language)
            self._refuse_unwanted(email)
            if self._policy.confirmed:
                return self._ask(uow, email, name, password_hash, language)
            return create_account(uow, email, name, password_hash, self._policy.role, language=language)

        user = await self._database.write(register, alone=True)
        await self._directory_is_current()
        return user

    async def confirm(self, token: str, password: str) -> User:
        """Make the account of a registration whose mail was read.

        It takes its password too. Somebody else could have registered the address with a password of
        theirs; a click on the wrong one of two mails must not hand them the account.
        """
        registration = await self._database.read(lambda uow: _find(uow, token))
        key = f"registration:{registration.id}"
        await self._attempts.begin(key)
        if not await self._passwords.verify(password, registration.password_hash):
            raise WrongPassword("This is not the password that you signed up with.")

        def create(uow: UnitOfWork) -> User:
            uow.lock(ACCOUNTS)
            asked = _find(uow, token)
            attempts.clear(uow, key)
            RegistrationRepository(uow).delete_of(asked.email)
            return create_account(
                uow, asked.email, asked.name, asked.password_hash, self._policy.role, language=asked.language
            )

        user = await self._database.write(create, alone=True)
        await self._directory_is_current()
        return user

    def _refuse_unwanted(self, email: str) -> None:
        if not self._policy.enabled:
            raise SignUpDisabled("Nobody can sign up here. Ask your administrator for an invitation.")
        domain = identity(email).rpartition("@")[2]
        if self._policy.domains and domain not in self._policy.domains:
            raise MailDomainNotAllowed(
                "Addresses of this domain cannot sign up here. Use your company's address."
            )

    def _ask(
        self, uow: UnitOfWork, email: str, name: str, password_hash: str, language: Language | None
    ) -> User:
        registrations, now, registration_id = RegistrationRepository(uow), utc_now(), uuid7()
        registrations.delete_expired(now)
        if may_be_mailed(uow, email):
            registrations.add(
                Registration(
                    id=registration_id,
                    email=identity(email),
                    name=name,
                    password_hash=password_hash,
                    language=language,
                    token_hash=None,
                    created_at=now,
                    expires_at=now + self._policy.lifetime,
                )
            )
            uow.record(RegistrationAsked(registration_id=registration_id))
        return User(
            id=registration_id,
            email=identity(email),
            name=name,
            role=self._policy.role,
            language=language,
            is_active=False,
            created_at=now,
            groups=[],
        )


def _find(uow: UnitOfWork, token: str) -> Registration:
    registration = RegistrationRepository(uow).by_token(token_hash(token), utc_now())
    if registration is None:
        raise InvalidLink
    return registration
