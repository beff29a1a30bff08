"""Access tokens (JWT), and refresh tokens (random, kept hashed)."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import jwt
from pydantic import SecretStr

from src.shared.events.base import utc_now
from src.shared.exceptions.errors import NotAuthenticated

ALGORITHM = "HS256"
ISSUER = "genai-chatbot-platform"
REMEMBERED_TOKENS = 4_096
EXPIRED = "The access token has expired. Refresh it or sign in again."


class InvalidToken(NotAuthenticated):
    code = "invalid_token"


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


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is kept of a refresh token or an API key: 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()
