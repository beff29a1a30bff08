"""What auth needs from outside; the container plugs in who serves it."""

from dataclasses import dataclass
from typing import Protocol

from src.shared.exceptions.errors import NotAuthenticated, Unavailable


@dataclass(frozen=True)
class Mail:
    """A mail of plain text to one address."""

    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Sends mails. Raises when it cannot now; a mail that never can be sent (no such recipient) is dropped."""

    async def send(self, mail: Mail) -> None: ...


class OpenIdUnavailable(Unavailable):
    """The provider does not answer, or not as one does."""

    code = "openid_unavailable"


class OpenIdRefused(NotAuthenticated):
    """The provider did not vouch for anybody, or what it says does not hold."""

    code = "openid_refused"


@dataclass(frozen=True)
class OpenIdAttempt:
    """What ties the end of one sign-in at a provider to its beginning (OpenID Connect Core 1.0, RFC 7636)."""

    redirect_uri: str
    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True)
class ForeignPerson:
    """Somebody as a provider knows them: `subject` for good, the rest as of now; `values` are groups there."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    values: frozenset[str]


class OpenIdProvider(Protocol):
    """Who vouches for people. Raises `OpenIdUnavailable` and `OpenIdRefused`."""

    async def authorization_url(self, attempt: OpenIdAttempt) -> str:
        """Return where the browser is sent to."""

    async def identify(self, code: str, attempt: OpenIdAttempt, issuer: str | None) -> ForeignPerson:
        """Return who came back with the code; `issuer` is who says to have sent them (RFC 9207)."""
