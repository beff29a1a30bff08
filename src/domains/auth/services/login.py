"""Signing in: by password, and by a second factor where there is one."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from pydantic import SecretStr
from uuid_utils.compat import uuid7

from src.domains.auth.repositories.users import Credentials, UserRepository
from src.domains.auth.services import attempts
from src.domains.auth.services.accounts import find_user, identity
from src.domains.auth.services.attempts import ADDRESSES, Attempts
from src.domains.auth.services.passwords import PasswordHasher
from src.domains.auth.services.second_factor import SecondFactorCodes
from src.domains.auth.services.sign_ins import Caller, SignInService, TokenPair
from src.domains.auth.services.tokens import Seal
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import SignInFailed
from src.shared.exceptions.errors import NotAuthenticated

CHALLENGE_LIFETIME = timedelta(minutes=5)
DEVICE_LIFETIME = timedelta(days=365)


class WrongCredentials(NotAuthenticated):
    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong.")


class SecondFactorRequired(NotAuthenticated):
    """The password was right; `challenge`, a member of the answer, is redeemed with a code."""

    code = "second_factor_required"

    def __init__(self, challenge: str) -> None:
        super().__init__(
            "Enter the code that your authenticator app shows.", members={"challenge": challenge}
        )


class ChallengeExpired(NotAuthenticated):
    code = "challenge_expired"

    def __init__(self) -> None:
        super().__init__("This took too long. Sign in with your password again.")


class WrongSecondFactor(NotAuthenticated):
    code = "wrong_second_factor"


class LoginService:
    """Opens sign-ins. An unknown address and a wrong password answer alike, after the same steps."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        attempts: Attempts,
        codes: SecondFactorCodes,
        sign_ins: SignInService,
        secret: SecretStr,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._codes = codes
        self._sign_ins = sign_ins
        self._devices = Seal(secret, "devices")
        self._challenges = Seal(secret, "second factor's challenges")

    async def sign_in(
        self, email: str, password: str, caller: Caller, device_token: str | None = None
    ) -> TokenPair:
        """Check the password and open a sign-in, or raise `SecondFactorRequired`.

        `device_token` is what an earlier sign-in gave this device. It is no proof of who asks: it lets the
        device be held back by its own attempts alone, whatever others try on the account.
        """
        known = await self._database.read(lambda uow: UserRepository(uow).credentials(identity(email)))
        device = self._device(known, device_token)
        key = f"device:{device}" if device else attempts.account_key(identity(email))
        await self._attempts.begin(key, beside=None if device else _address_key(caller))
        fits = await self._passwords.verify(password, known.password_hash if known else None)
        if known is None or not fits or not known.is_active:
            await self._note_failure(known, fits, caller)
            raise WrongCredentials
        if known.has_second_factor:
            await self._database.write(lambda uow: attempts.clear(uow, key))
            raise SecondFactorRequired(self._challenge(known, key, device))

        def open_sign_in(uow: UnitOfWork) -> TokenPair:
            user = find_user(uow, known.user_id)
            if not user.is_active or user.password_hash != known.password_hash:
                raise WrongCredentials  # changed while it was checked
            attempts.clear(uow, key)
            return self._sign_ins.open(uow, user, caller, "password")

        pair = await self._database.write(open_sign_in)
        return self._with_device(pair, known.user_id, device)

    async def redeem(self, challenge: str, code: str, caller: Caller) -> TokenPair:
        """Open the sign-in that waits for a second factor."""
        claims = self._challenges.open(challenge)
        if claims is None:
            raise ChallengeExpired
        user_id, key = UUID(claims["sub"]), f"code:{claims['key']}"
        await self._attempts.begin(key)

        def redeem(uow: UnitOfWork) -> TokenPair | None:
            user = UserRepository(uow).get(user_id)
            if user is None or not user.is_active or _digest(user.password_hash) != claims["password"]:
                raise ChallengeExpired
            method = self._codes.use(uow, user_id, code)
            if method is None:
                uow.record(SignInFailed(user_id=user_id, reason="second_factor"))
                return None
            attempts.clear(uow, key)
            return self._sign_ins.open(uow, user, caller, method)

        pair = await self._database.write(redeem)
        if pair is None:
            raise WrongSecondFactor("This code does not hold. Take the one that your app shows now.")
        return self._with_device(pair, user_id, claims["device"])

    async def _note_failure(self, known: Credentials | None, fits: bool, caller: Caller) -> None:
        def note(uow: UnitOfWork) -> None:
            uow.lock(attempts.ATTEMPTS)
            attempts.count(uow, _address_key(caller), ADDRESSES)
            reason = "account_closed" if fits else "password"
            uow.record(SignInFailed(user_id=known.user_id if known else None, reason=reason))

        await self._database.write(note, alone=True)

    def _challenge(self, known: Credentials, key: str, device: str) -> str:
        claims = {
            "sub": str(known.user_id),
            "key": key,
            "device": device,
            "password": _digest(known.password_hash),
        }
        return self._challenges.seal(claims, CHALLENGE_LIFETIME)

    def _device(self, known: Credentials | None, device_token: str | None) -> str:
        """Return the device's name, empty when it has not signed this person in before."""
        claims = self._devices.open(device_token) if device_token else None
        return str(claims["device"]) if claims and known and claims["sub"] == str(known.user_id) else ""

    def _with_device(self, pair: TokenPair, user_id: UUID, device: str) -> TokenPair:
        claims = {"sub": str(user_id), "device": device or uuid7().hex}
        return replace(pair, device_token=self._devices.seal(claims, DEVICE_LIFETIME))


def _address_key(caller: Caller) -> str:
    """One for a network of IPv6, for whoever has one address of it has them all."""
    try:
        address = ip_address(caller.address)
    except ValueError:
        return f"address:{caller.address}"
    return f"address:{ip_network((address, 64), strict=False) if address.version == 6 else address}"


def _digest(password_hash: str | None) -> str:
    """Return what tells one password's hash from another, and nothing of either."""
    return hashlib.sha256((password_hash or "").encode()).hexdigest()[:32]
