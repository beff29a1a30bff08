"""The mails that auth sends: a reaction to its own events.

An event has no token. The token is made here, just before its mail is sent, and only its hash is kept: so a
mail that has to be sent again has a token of its own.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from src.domains.auth.models import PasswordReset, User
from src.domains.auth.repositories.password_resets import PasswordResetRepository
from src.domains.auth.repositories.registrations import InvitationRepository, RegistrationRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services import attempts
from src.domains.auth.services.accounts import identity
from src.domains.auth.services.mail_texts import Kind, composed
from src.domains.auth.services.ports import Mail, Mailer
from src.domains.auth.services.tokens import new_token, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import (
    InvitationMade,
    InvitationRenewed,
    PasswordChanged,
    PasswordResetAsked,
    RegistrationAsked,
    SecondFactorAdded,
    SecondFactorRemoved,
)
from src.shared.events.base import utc_now


@dataclass(frozen=True)
class _Addressee:
    """Who is written to, and what about."""

    email: str
    language: str | None
    kind: Kind
    name: str = ""


class AccountMails:
    """Writes the mails. Links lead to the page, which redeems their tokens at the API."""

    def __init__(self, database: Database, mailer: Mailer, page_url: str, reset_lifetime: timedelta) -> None:
        self._database = database
        self._mailer = mailer
        self._page_url = page_url.rstrip("/")
        self._reset_lifetime = reset_lifetime

    async def send_reset(self, event: PasswordResetAsked) -> None:
        """Send a link that sets a new password. Nobody waits any more for one that comes too late."""
        user_id, now, token = event.user_id, utc_now(), new_token()
        if user_id is None or event.occurred_at < now - self._reset_lifetime:
            return

        def keep(uow: UnitOfWork) -> User | None:
            resets, user = PasswordResetRepository(uow), UserRepository(uow).get(user_id)
            resets.delete_expired(now)
            if user is None or not user.is_active:
                return None
            expires_at = now + self._reset_lifetime
            resets.add(PasswordReset(token_hash=token_hash(token), user_id=user_id, expires_at=expires_at))
            return user

        if user := await self._database.write(keep):
            await self._send(_Addressee(user.email, user.language, "reset"), f"?reset={token}")

    async def send_confirmation(self, event: RegistrationAsked) -> None:
        """Send the link that makes the account, or tell the address's owner that they have one."""
        token = new_token()

        def keep(uow: UnitOfWork) -> _Addressee | None:
            registration = RegistrationRepository(uow).get(event.registration_id)
            if registration is None or registration.expires_at <= utc_now():
                return None
            if UserRepository(uow).email_taken(registration.email):
                return _Addressee(registration.email, None, "known_address")
            registration.token_hash = token_hash(token)
            return _Addressee(registration.email, registration.language, "confirmation", registration.name)

        if to := await self._database.write(keep):
            await self._send(to, f"?confirm={token}" if to.kind == "confirmation" else "")

    async def send_invitation(self, event: InvitationMade | InvitationRenewed) -> None:
        token = new_token()

        def keep(uow: UnitOfWork) -> _Addressee | None:
            invitation = InvitationRepository(uow).get(event.invitation_id)
            if invitation is None or invitation.expires_at <= utc_now():
                return None
            invitation.token_hash = token_hash(token)
            return _Addressee(invitation.email, None, "invitation")

        if to := await self._database.write(keep):
            await self._send(to, f"?invitation={token}")

    async def tell_of_new_password(self, event: PasswordChanged) -> None:
        await self._tell(event.user_id, "password_changed")

    async def tell_of_second_factor(self, event: SecondFactorAdded) -> None:
        await self._tell(event.user_id, "second_factor_added")

    async def tell_of_removed_factor(self, event: SecondFactorRemoved) -> None:
        await self._tell(event.user_id, "second_factor_removed")

    async def _tell(self, user_id: UUID, kind: Kind) -> None:
        user = await self._database.read(lambda uow: UserRepository(uow).get(user_id))
        if user:
            await self._send(_Addressee(user.email, user.language, kind))

    async def _send(self, to: _Addressee, query: str = "") -> None:
        subject, text = composed(
            to.kind,
            to.language,
            link=f"{self._page_url}/{query}",
            minutes=int(self._reset_lifetime.total_seconds() // 60),
            name=to.name,
        )
        await self._mailer.send(Mail(to.email, subject, text))


def may_be_mailed(uow: UnitOfWork, email: str) -> bool:
    """Count a mail that a stranger wants sent to an address; tell whether it may be."""
    uow.lock(attempts.ATTEMPTS)
    key = f"mail:{identity(email)}"
    if attempts.wait(uow, [key]):
        return False
    attempts.count(uow, key, attempts.MAILS)
    return True
