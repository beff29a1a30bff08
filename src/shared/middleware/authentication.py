"""Who is asking: the bearer token becomes a `Principal` on the request's state."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from src.shared.exceptions.errors import NotAllowed, NotAuthenticated, PlatformError
from src.shared.exceptions.handlers import problem_response


@dataclass(frozen=True)
class Principal:
    """Someone who has shown who they are, with the rights as of this moment.

    It was by a sign-in or by an API key; neither is set for whoever works on the server's machine itself.
    """

    user_id: UUID
    sign_in_id: UUID | None
    role: str
    group_ids: tuple[UUID, ...]
    api_key_id: UUID | None = None

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


class Authenticator(Protocol):
    """Tells who a bearer token stands for; raises `NotAuthenticated` when it does not hold."""

    async def authenticate(self, token: str) -> Principal: ...


class AuthenticationMiddleware:
    """Sets `request.state.principal` where a bearer token is sent; a token that does not hold is refused."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                try:
                    principal = await self._authenticator.authenticate(token.strip())
                except PlatformError as error:
                    await problem_response(Request(scope), error)(scope, receive, send)
                    return
                scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


class AccountPending(NotAllowed):
    code = "account_pending"


async def current_person(request: Request) -> Principal:
    """A FastAPI dependency: whoever is signed in, even while they wait to be let in. For one's own account."""
    principal = getattr(request.state, "principal", None)
    if not isinstance(principal, Principal):
        raise NotAuthenticated("Sign in first: send the access token as `Authorization: Bearer ...`.")
    return principal


async def current_principal(request: Request) -> Principal:
    """A FastAPI dependency: whoever is signed in."""
    principal = await current_person(request)
    if principal.role == "pending":
        raise AccountPending("Your account waits for an administrator to let you in.")
    return principal


async def current_admin(request: Request) -> Principal:
    """A FastAPI dependency: whoever is signed in, and is an administrator."""
    principal = await current_principal(request)
    if not principal.is_admin:
        raise NotAllowed("Only an administrator may do this.")
    return principal
