"""A second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost."""

import base64
import secrets
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from pyotp.exceptions import OTPVerificationError

from src.domains.auth.models import SecondFactor
from src.domains.auth.repositories.second_factors import SecondFactorRepository
from src.domains.auth.services import attempts
from src.domains.auth.services.accounts import find_user
from src.domains.auth.services.attempts import Attempts
from src.domains.auth.services.password_changes import PasswordService
from src.domains.auth.services.tokens import derived_key, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import SecondFactorAdded, SecondFactorRemoved
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotAllowed, NotFound
from src.shared.middleware.authentication import Principal

HOUSE = "GenAI Chatbot"
"""What authenticator apps call us."""
DIGITS = 6
RECOVERY_CODES = 10
DRIFT_STEPS = 1
"""How many steps of 30 seconds the app's clock may be off, to either side (RFC 6238, section 5.2)."""


class SecondFactorPresent(Conflict):
    code = "second_factor_present"


class NoSecondFactor(NotFound):
    code = "no_second_factor"


class WrongCode(NotAllowed):
    code = "wrong_code"


class SecondFactorUnreadable(Conflict):
    """The house's secret is not the one that it was encrypted with."""

    code = "second_factor_unreadable"


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app is given: as text, and as the address that a QR code shows."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True)
class SecondFactorState:
    enabled: bool
    recovery_codes_left: int


class SecondFactorCodes:
    """Checks codes. Secrets are kept encrypted by a key of the house: a stolen database makes no codes."""

    def __init__(self, secret: SecretStr) -> None:
        self._cipher = Fernet(base64.urlsafe_b64encode(derived_key(secret, "second factors")))

    def encrypt(self, secret: str) -> bytes:
        return self._cipher.encrypt(secret.encode())

    def use(
        self, uow: UnitOfWork, user_id: UUID, code: str
    ) -> Literal["second_factor", "recovery_code"] | None:
        """Use up a code of either kind; return which it was, None when it does not hold."""
        factors = SecondFactorRepository(uow)
        factor = factors.get(user_id, for_update=True)
        if factor is None or factor.confirmed_at is None:
            return None
        if len(code) > DIGITS:
            used = factors.use_code(user_id, token_hash(code.replace("-", "").upper()))
            return "recovery_code" if used else None
        return "second_factor" if self.use_step(factor, code) else None

    def use_step(self, factor: SecondFactor, code: str) -> bool:
        """Tell whether this is the app's code of now; one that was used before, or an earlier one, is not."""
        totp = pyotp.TOTP(self._decrypted(factor.secret), digits=DIGITS)
        try:
            step = totp.verify_and_get_timecode(code, for_time=utc_now(), valid_window=DRIFT_STEPS)
        except OTPVerificationError:
            return False
        if step <= factor.last_step:
            return False
        factor.last_step = step
        return True

    def _decrypted(self, encrypted: bytes) -> str:
        try:
            return self._cipher.decrypt(encrypted).decode()
        except InvalidToken:
            detail = (
                "Your second factor cannot be read any more. Use a recovery code, or ask your administrator."
            )
            raise SecondFactorUnreadable(detail) from None


class SecondFactorService:
    """Adds and removes second factors; the password is asked for, so that a stolen sign-in cannot."""

    def __init__(
        self, database: Database, passwords: PasswordService, attempts: Attempts, codes: SecondFactorCodes
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._codes = codes

    async def state(self, user_id: UUID) -> SecondFactorState:
        def look(uow: UnitOfWork) -> SecondFactorState:
            factors = SecondFactorRepository(uow)
            factor = factors.get(user_id)
            return SecondFactorState(bool(factor and factor.confirmed_at), factors.count_codes(user_id))

        return await self._database.read(look)

    async def enrol(self, principal: Principal, password: str) -> Enrolment:
        """Make a secret; it counts once `confirm` was given a code that the app made of it."""
        user = await self._passwords.check(principal, password)
        secret = pyotp.random_base32()

        def enrol(uow: UnitOfWork) -> None:
            factors = SecondFactorRepository(uow)
            known = factors.get(user.id, for_update=True)
            if known and known.confirmed_at:
                raise SecondFactorPresent("You have a second factor. Remove it before you add another one.")
            encrypted = self._codes.encrypt(secret)
            factor = SecondFactor(
                user_id=user.id, secret=encrypted, created_at=utc_now(), confirmed_at=None, last_step=0
            )
            factors.replace(factor)

        await self._database.write(enrol)
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=HOUSE))

    async def confirm(self, principal: Principal, code: str) -> list[str]:
        """Let the second factor count from now on; return the recovery codes, which are told this once."""
        codes = [base64.b32encode(secrets.token_bytes(15)).decode() for _ in range(RECOVERY_CODES)]

        def confirm(uow: UnitOfWork) -> None:
            factors = SecondFactorRepository(uow)
            factor = factors.get(principal.user_id, for_update=True)
            if factor is None:
                raise NoSecondFactor("You have not begun to add a second factor.")
            if factor.confirmed_at:
                raise SecondFactorPresent("Your second factor counts already.")
            if not self._codes.use_step(factor, code):
                raise WrongCode(
                    "This is not the code of now. Look whether the clock of your device is right."
                )
            factor.confirmed_at = utc_now()
            factors.add_codes(principal.user_id, map(token_hash, codes))
            uow.record(SecondFactorAdded(user_id=principal.user_id))

        await self._database.write(confirm)
        return ["-".join(code[at : at + 6] for at in range(0, len(code), 6)) for code in codes]

    async def remove(self, principal: Principal, password: str, code: str) -> None:
        """Remove one's own second factor; a recovery code does for one that is lost."""
        await self._passwords.check(principal, password)
        key = f"code:sign_in:{principal.sign_in_id}"
        await self._attempts.begin(key)

        def remove(uow: UnitOfWork) -> None:
            if self._codes.use(uow, principal.user_id, code) is None:
                raise WrongCode("This code does not hold. Take the one that your app shows now.")
            attempts.clear(uow, key)
            _delete(uow, principal.user_id, by=principal.user_id)

        await self._database.write(remove)

    async def remove_for(self, user_id: UUID, by: UUID) -> None:
        """Remove somebody's second factor, who has lost it."""

        def remove(uow: UnitOfWork) -> None:
            find_user(uow, user_id)
            if not _delete(uow, user_id, by=by):
                raise NoSecondFactor("This person has no second factor.")

        await self._database.write(remove)


def _delete(uow: UnitOfWork, user_id: UUID, by: UUID) -> bool:
    there_was_one = SecondFactorRepository(uow).delete(user_id)
    if there_was_one:
        uow.record(SecondFactorRemoved(user_id=user_id, removed_by=by))
    return there_was_one
