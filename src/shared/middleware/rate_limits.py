"""How often somebody may ask: by person and API key, and by address for whoever has not shown who they are.

The headers are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (revision 10).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.shared.exceptions.errors import TooManyRequests
from src.shared.exceptions.handlers import problem_response
from src.shared.middleware.authentication import Principal

LIMITED_PREFIXES = ("/api/", "/v1/")
"""The page's files, health and metrics are free."""
SIGNING_IN = re.compile(
    r"/api/v1/auth/"
    r"(?!(?:me|users|groups|api-keys|sign-ins|second-factor|invitations(?!/accept)|refresh|logout)(?:/|$))"
)
"""Where passwords, codes and addresses can be tried out: all that is posted to auth but what is named here."""
ASKING = re.compile(
    r"/api/v1/chat(?:/sessions/[^/]+/messages|/messages/[^/]+/(?:edit|regenerate))?|/v1/chat/completions"
)
"""Where a model is called."""
IPV6_NETWORK = 64
"""The bits of an IPv6 address that tell one customer from another: who has one has all of such a network."""

Told = list[tuple["RateLimit", "Standing"]]


@dataclass(frozen=True)
class RateLimit:
    """So many requests of one asker within so many seconds."""

    name: str
    requests: int
    seconds: int = 60


@dataclass(frozen=True)
class Standing:
    """How an asker stands with a limit; `reset_after` is in seconds, when there is room for one more."""

    is_within: bool
    remaining: int
    reset_after: int


class RateLimiter(Protocol):
    """Counts requests within sliding windows."""

    async def hit(self, limit: RateLimit, asker: str) -> Standing:
        """Count a request if there is room for it, and tell how the asker stands."""
        ...

    async def look(self, limit: RateLimit, asker: str) -> Standing:
        """Tell how the asker stands."""
        ...


@dataclass(frozen=True)
class RateLimits:
    """The limits; None where there is none.

    `address` is for requests without a credential, and by itself for those whose credential is refused: then
    each is looked up, and some are, in the database.
    """

    user: RateLimit | None = None
    api_key: RateLimit | None = None
    questions: RateLimit | None = None
    address: RateLimit | None = None
    refused: RateLimit | None = None
    sign_in: RateLimit | None = None


class AddressLimitMiddleware:
    """Stands before the authentication: limits addresses, and tells in the answer how its asker stands.

    The address is `scope["client"]`, which the server has taken from proxies that it trusts.
    """

    def __init__(self, app: ASGIApp, limiter: RateLimiter, limits: RateLimits) -> None:
        self._app = app
        self._limiter = limiter
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED_PREFIXES):
            await self._app(scope, receive, send)
            return
        told: Told = scope.setdefault("state", {}).setdefault("rate_limits", [])
        has_credential = Headers(scope=scope).get("authorization", "").lower().startswith("bearer ")
        refused = self._limits.refused if has_credential else None

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                if refused and message["status"] == HTTPStatus.UNAUTHORIZED:
                    told.append((refused, await self._limiter.hit(refused, _address(scope))))
                _tell(MutableHeaders(scope=message), told)
            await send(message)

        if limit := self._limit(scope, has_credential=has_credential):
            told.append((limit, await self._limiter.hit(limit, _address(scope))))
        if refused and not (standing := await self._limiter.look(refused, _address(scope))).is_within:
            told.append((refused, standing))
        await _within(told, self._app)(scope, receive, send_told)

    def _limit(self, scope: Scope, *, has_credential: bool) -> RateLimit | None:
        if scope["method"] == "POST" and SIGNING_IN.match(scope["path"]):
            return self._limits.sign_in
        return None if has_credential else self._limits.address


class PersonLimitMiddleware:
    """Stands behind the authentication: limits people, wherever they ask from, and each of their API keys.

    Questions count for the person, whichever keys they have.
    """

    def __init__(self, app: ASGIApp, limiter: RateLimiter, limits: RateLimits) -> None:
        self._app = app
        self._limiter = limiter
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.get("state", {})
        principal, told = state.get("principal"), state.get("rate_limits")
        app = self._app
        if principal and told is not None:
            for limit, asker in self._limits_of(scope, principal):
                told.append((limit, await self._limiter.hit(limit, asker)))
                if (app := _within(told, self._app)) is not self._app:
                    break
        await app(scope, receive, send)

    def _limits_of(self, scope: Scope, principal: Principal) -> Iterator[tuple[RateLimit, str]]:
        limits = self._limits
        if principal.api_key_id and limits.api_key:
            yield limits.api_key, str(principal.api_key_id)
        elif limits.user and not principal.api_key_id:
            yield limits.user, str(principal.user_id)
        if limits.questions and scope["method"] == "POST" and ASKING.fullmatch(scope["path"]):
            yield limits.questions, str(principal.user_id)


def _within(told: Told, app: ASGIApp) -> ASGIApp:
    """Return the application, or instead of it the refusal when a limit is reached."""
    for limit, standing in told:
        if not standing.is_within:
            return _refusal(limit, standing)
    return app


def _refusal(limit: RateLimit, standing: Standing) -> ASGIApp:
    detail = (
        f"More than {limit.requests:,} requests in {limit.seconds} seconds. "
        f"Try again in {standing.reset_after} seconds."
    )
    error = TooManyRequests(detail, retry_after=standing.reset_after)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await problem_response(Request(scope), error)(scope, receive, send)

    return refuse


def _tell(headers: MutableHeaders, told: Told) -> None:
    if told:
        headers["RateLimit-Policy"] = ", ".join(
            f'"{limit.name}";q={limit.requests};w={limit.seconds}' for limit, _ in told
        )
        headers["RateLimit"] = ", ".join(
            f'"{limit.name}";r={standing.remaining};t={standing.reset_after}' for limit, standing in told
        )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(10_000)
def _network(host: str) -> str:
    """Return what an address counts as: itself, and for IPv6 its network."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> (128 - IPV6_NETWORK) << (128 - IPV6_NETWORK)))
