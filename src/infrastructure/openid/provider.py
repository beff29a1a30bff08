"""An OpenID provider as it is asked over HTTP (OpenID Connect Core 1.0, Discovery 1.0; OAuth 2.0 with PKCE).

Its address is a setting, so the rules for addresses that people name (`fetching`) do not apply to it.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from pydantic import BaseModel, EmailStr, SecretStr, TypeAdapter, ValidationError

from src.domains.auth.services.ports import (
    ForeignPerson,
    OpenIdAttempt,
    OpenIdRefused,
    OpenIdUnavailable,
)

log = structlog.get_logger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
"""Signatures by a key of the provider's own; what both sides know a secret for is not among them."""
KEY_TYPES = ("RSA", "EC", "OKP")
KNOWN_FOR_SECONDS = 3600
LOOK_AGAIN_SECONDS = 60
"""How soon the provider's keys are read again for a token that none of the known ones signed."""
CLOCKS_APART_SECONDS = 60
MOST_BYTES = 1_048_576
MOST_VALUES = 1_000
MOST_SUBJECT_CHARACTERS = 255

_OBJECT = TypeAdapter(dict[str, Any])
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailStr)
_REFUSALS = (AuthlibBaseError, JoseError, ValueError)
"""What becomes of an answer that is not what it should be."""


@dataclass(frozen=True)
class OpenIdPlace:
    """Where the provider is, and as whom it knows us; `claim` has people's groups (`realm_access.roles`)."""

    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    scopes: Sequence[str] = ("openid", "email", "profile")
    claim: str = "groups"
    ca_file: str | None = None
    seconds: float = 10.0


class _Metadata(BaseModel):
    """What of a provider's metadata is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None


class _Keys(BaseModel):
    keys: list[dict[str, Any]]


@dataclass(frozen=True)
class _Known:
    """What the provider told of itself, and when (seconds of a clock that only runs forward)."""

    metadata: _Metadata
    keys: KeySet
    at: float


class OpenIdConnectProvider:
    """Implements `OpenIdProvider`."""

    def __init__(self, place: OpenIdPlace) -> None:
        self._place = place
        self._tls = ssl.create_default_context(cafile=place.ca_file)
        self._known: _Known | None = None
        self._looking = asyncio.Lock()

    async def authorization_url(self, attempt: OpenIdAttempt) -> str:
        async with self._asking(attempt) as client:
            known = await self._look(client, KNOWN_FOR_SECONDS)
            url, _state = client.create_authorization_url(
                known.metadata.authorization_endpoint,
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.code_verifier,
            )
            return str(url)

    async def identify(self, code: str, attempt: OpenIdAttempt, issuer: str | None) -> ForeignPerson:
        if issuer is not None and issuer != self._place.issuer:
            raise OpenIdRefused("Another provider sent you back than the one that you went to.")
        async with self._asking(attempt) as client:
            known = await self._look(client, KNOWN_FOR_SECONDS)
            token = await client.fetch_token(
                known.metadata.token_endpoint, code=code, code_verifier=attempt.code_verifier
            )
            claims = await self._verified(client, token, attempt.nonce)
            if "email" not in claims and known.metadata.userinfo_endpoint:
                told = await _json(client, known.metadata.userinfo_endpoint, withhold_token=False)
                if told.get("sub") != claims["sub"]:
                    raise ValueError("it tells of somebody else")
                claims = {**told, **claims}
        return self._person(claims)

    @asynccontextmanager
    async def _asking(self, attempt: OpenIdAttempt) -> AsyncIterator[AsyncOAuth2Client]:
        """Give a client for one conversation; whatever goes wrong in it becomes one of two errors."""
        place = self._place
        secret = place.client_secret.get_secret_value() if place.client_secret else None
        try:
            async with (
                asyncio.timeout(place.seconds),
                AsyncOAuth2Client(
                    client_id=place.client_id,
                    client_secret=secret,
                    scope=" ".join(place.scopes),
                    redirect_uri=attempt.redirect_uri,
                    code_challenge_method="S256",
                    transport=_BoundedTransport(self._tls),
                    trust_env=False,
                    follow_redirects=False,
                ) as client,
            ):
                yield client
        except (httpx2.HTTPError, TimeoutError) as error:
            log.warning("openid_unavailable", issuer=place.issuer, error=type(error).__name__)
            raise OpenIdUnavailable(
                "The provider does not answer. Try it again later.", retry_after=5
            ) from None
        except _REFUSALS as error:
            log.warning("openid_refused", issuer=place.issuer, error=type(error).__name__)
            raise OpenIdRefused("The provider's answer does not hold. Try to sign in once more.") from None

    async def _look(self, client: AsyncOAuth2Client, seconds: float) -> _Known:
        """Return what the provider tells of itself, as of so many seconds ago at the most."""
        async with self._looking:
            if self._known is None or time.monotonic() - self._known.at > seconds:
                told = await _json(client, self._place.issuer.rstrip("/") + DISCOVERY)
                metadata = _Metadata.model_validate(told)
                self._check(metadata)
                listed = _Keys.model_validate(await _json(client, metadata.jwks_uri)).keys
                self._known = _Known(metadata, _usable(listed), time.monotonic())
            return self._known

    async def _verified(
        self, client: AsyncOAuth2Client, token: Mapping[str, Any], nonce: str
    ) -> Mapping[str, Any]:
        """Return the claims of the ID token, whose signature, audience, time and nonce hold."""
        known = await self._look(client, KNOWN_FOR_SECONDS)
        try:
            read = jwt.decode(str(token.get("id_token")), known.keys, ALGORITHMS)
        except (InvalidKeyIdError, BadSignatureError):
            known = await self._look(client, LOOK_AGAIN_SECONDS)  # it may sign by a new key
            read = jwt.decode(str(token.get("id_token")), known.keys, ALGORITHMS)
        claims = CodeIDToken(
            read.claims,
            read.header,
            options={
                "iss": {"essential": True, "value": self._place.issuer},
                "aud": {"essential": True, "value": self._place.client_id},
            },
            params={
                "nonce": nonce,
                "client_id": self._place.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=CLOCKS_APART_SECONDS)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MOST_SUBJECT_CHARACTERS:
            raise ValueError("it names nobody")
        return dict(claims)

    def _check(self, metadata: "_Metadata") -> None:
        """Refuse another's metadata, and to leave TLS; an issuer without it is one on this machine."""
        if metadata.issuer != self._place.issuer:
            raise ValueError("the provider calls itself otherwise")
        addresses = (
            metadata.authorization_endpoint,
            metadata.token_endpoint,
            metadata.jwks_uri,
            metadata.userinfo_endpoint or "https:",
        )
        if metadata.issuer.startswith("https:") and not all(url.startswith("https:") for url in addresses):
            raise ValueError("an address without TLS")

    def _person(self, claims: Mapping[str, Any]) -> ForeignPerson:
        try:
            email = _EMAIL.validate_python(claims.get("email"))
        except ValidationError:
            email = None
        return ForeignPerson(
            issuer=self._place.issuer,
            subject=claims["sub"],
            email=email,
            email_verified=claims.get("email_verified") in (True, "true"),
            name=str(claims.get("name") or claims.get("preferred_username") or "").replace("\0", "")[:200],
            values=_values(claims, self._place.claim),
        )


def _values(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    values = found if isinstance(found, list) else [found]
    return frozenset(value for value in values[:MOST_VALUES] if isinstance(value, str))


async def _json(client: AsyncOAuth2Client, url: str, *, withhold_token: bool = True) -> dict[str, Any]:
    answer = await client.request("GET", url, withhold_token=withhold_token)
    answer.raise_for_status()
    return _OBJECT.validate_python(answer.json())


def _usable(keys: Sequence[Mapping[str, Any]]) -> KeySet:
    """Return the keys that sign; a provider may list others, and kinds that nobody has heard of yet."""
    usable = []
    for key in keys:
        if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig":
            with suppress(JoseError, ValueError, KeyError):
                usable.append(JWKRegistry.import_key(dict(key)))
    return KeySet(usable)


class _BoundedTransport(httpx2.AsyncBaseTransport):
    """Connections that end when an answer is too long."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=tls)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        response.stream = _BoundedStream(response)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response) -> None:
        self._stream = response.stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for piece in self._stream:  # type: ignore[union-attr]  # of an asynchronous transport
            received += len(piece)
            if received > MOST_BYTES:
                raise httpx2.ReadError("the answer is too long")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[union-attr]  # likewise
