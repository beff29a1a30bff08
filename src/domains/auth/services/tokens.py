"""Access tokens (JWT), what else the house signs, and refresh tokens (random, kept hashed)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from pydantic import SecretStr

from src.shared.events.base import utc_now
from src.shared.exceptions.errors import InvalidRequest, NotAuthenticated

ALGORITHM = "HS256"
ISSUER = "genai-chatbot-platform"
REMEMBERED_TOKENS = 4_096
EXPIRED = "The access token has expired. Refresh it or sign in again."


class InvalidToken(NotAuthenticated):
    code = "invalid_token"


class InvalidLink(InvalidRequest):
    """The one-time token of a mail was used, withdrawn, has expired, or never was."""

    code = "invalid_link"

    def __init__(self) -> None:
        super().__init__("This link does not hold any longer. Ask for a new one.")


@dataclass(frozen=True)
class AccessClaims:
    """Whom an access token names. What they may do is looked up in the directory, never taken from here."""

    user_id: UUID
    sign_in_id: UUID
    expires_at: int


class AccessTokens:
    """Issues and reads access tokens.

    `role` and `group_ids` in the token tell a client what held when it was issued; the server itself goes by
    the directory, so a change of rights does not wait for the token to expire.
    """

    def __init__(self, secret: SecretStr, lifetime: timedelta) -> None:
        self._secret = secret
        self.lifetime = lifetime
        # A signature that was right once stays right; what may change (time, rights) is looked at every time.
        self._verified = lru_cache(REMEMBERED_TOKENS)(self._verify)

    def issue(self, user_id: UUID, sign_in_id: UUID, role: str, group_ids: Sequence[UUID]) -> str:
        now = utc_now()
        claims = {
            "iss": ISSUER,
            "sub": str(user_id),
            "sid": str(sign_in_id),
            "role": role,
            "group_ids": [str(group_id) for group_id in group_ids],
            "iat": now,
            "exp": now + self.lifetime,
        }
        return jwt.encode(claims, self._secret.get_secret_value(), ALGORITHM)

    def read(self, token: str) -> AccessClaims:
        """Return whom the token names; raise `InvalidToken` when it is forged, expired or not one of ours."""
        claims = self._verified(token)
        if claims.expires_at <= utc_now().timestamp():
            raise InvalidToken(EXPIRED)
        return claims

    def _verify(self, token: str) -> AccessClaims:
        try:
            claims = jwt.decode(
                token,
                self._secret.get_secret_value(),
                [ALGORITHM],
                issuer=ISSUER,
                options={"require": ["exp", "sub", "sid"]},
            )
            return AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise InvalidToken(EXPIRED) from None
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken("The access token is not valid. Sign in again.") from None


class Seal:
    """Signs claims for one purpose, so that they can be given away and known again; they are readable."""

    def __init__(self, secret: SecretStr, purpose: str) -> None:
        self._key = derived_key(secret, purpose)

    def seal(self, claims: Mapping[str, str], lifetime: timedelta) -> str:
        return jwt.encode({**claims, "exp": utc_now() + lifetime}, self._key, ALGORITHM)

    def open(self, sealed: str) -> Mapping[str, Any] | None:
        """Return the claims, None when they are not ours, for another purpose, or too old."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                sealed, self._key, [ALGORITHM], options={"require": ["exp"]}
            )
        except jwt.InvalidTokenError:
            return None
        return claims


class RefreshTokens:
    """The tokens of one sign-in, a family: a secret that all begin with, then what tells them apart.

    Each follows from the one before by a key of the house. So whoever asks twice with the same token, as
    two tabs do or a client whose answer got lost, is given the same one; and whoever knows the family's
    secret but not its present token holds one of its earlier tokens.
    """

    def __init__(self, secret: SecretStr) -> None:
        self._key = derived_key(secret, "refresh tokens")

    def first(self) -> str:
        return f"{secrets.token_urlsafe(32)}.{secrets.token_urlsafe(32)}"

    def after(self, token: str) -> str:
        mac = hmac.digest(self._key, token.encode(), "sha256")
        return f"{_family(token)}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def family_hash(refresh_token: str) -> bytes:
    return token_hash(_family(refresh_token))


def _family(refresh_token: str) -> str:
    return refresh_token.partition(".")[0]


def derived_key(secret: SecretStr, purpose: str) -> bytes:
    """Return 256 bits for this purpose alone, from the house's secret."""
    return hmac.digest(secret.get_secret_value().encode(), purpose.encode(), "sha256")


def new_token() -> str:
    """Return a one-time token for a mail."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is kept of a token: it has 120 random bits or more, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()
