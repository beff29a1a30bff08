"""Who is asking: the bearer token becomes a `Principal` on the request's state."""

from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from fastapi.security import SecurityScopes
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from src.shared.events.base import Origin, origin
from src.shared.exceptions.errors import NotAllowed, NotAuthenticated, PlatformError
from src.shared.exceptions.handlers import problem_response

KeyScope = Literal["chat", "knowledge:read", "knowledge:write", "analytics:read", "admin"]
"""What an API key may be limited to. A route names the one it needs:
`Annotated[Principal, Security(current_principal, scopes=["chat"])]`; one that names none is closed to keys."""

PAGE = "genai-chatbot-page"
"""How the page names itself in `User-Agent`."""


class MissingScope(NotAllowed):
    code = "missing_scope"


class AccountPending(NotAllowed):
    code = "account_pending"


@dataclass(frozen=True)
class Principal:
    """Someone who has shown who they are, with the rights as of this moment.

    It was by a sign-in or by an API key; neither is set for whoever works on the server's machine itself.
    `scopes` limit a key; a sign-in has none. `standing` tells what has become of them since.
    """

    user_id: UUID
    sign_in_id: UUID | None
    role: str
    group_ids: tuple[UUID, ...]
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None
    standing: "Standing | None" = field(default=None, compare=False, repr=False)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def is_editor(self) -> bool:
        """Whether they may manage collections: all of them, or those of their groups."""
        return self.role in ("admin", "editor")

    def refusal(self) -> NotAuthenticated | None:
        """Return why they would not be let in as they were any more. From memory: streams ask all the time."""
        return self.standing.refusal(self) if self.standing else None

    @property
    def is_closed(self) -> bool:
        """Whether their account is gone or switched off by now."""
        return self.standing is not None and self.standing.is_closed(self.user_id)


class Standing(Protocol):
    """What becomes of people who were let in."""

    def refusal(self, principal: Principal) -> NotAuthenticated | None: ...

    def is_closed(self, user_id: UUID) -> bool: ...


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
            headers, principal = Headers(scope=scope), None
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                try:
                    principal = await self._authenticator.authenticate(token.strip())
                except PlatformError as error:
                    await problem_response(Request(scope), error)(scope, receive, send)
                    return
                scope.setdefault("state", {})["principal"] = principal
            origin.set(_origin(scope, headers, principal))
        await self._app(scope, receive, send)


def _origin(scope: Scope, headers: Headers, principal: Principal | None) -> Origin:
    address = (scope.get("client") or ("",))[0]
    if principal is None or not principal.api_key_id:
        channel = "page" if headers.get("user-agent") == PAGE else "api"
        return Origin(actor_id=principal and principal.user_id, address=address, channel=channel)
    return Origin(
        actor_id=principal.user_id, api_key_id=principal.api_key_id, address=address, channel="api_key"
    )


async def current_person(request: Request) -> Principal:
    """A FastAPI dependency: whoever is asking, by whatever API key, and waiting to be admitted or not."""
    principal = getattr(request.state, "principal", None)
    if not isinstance(principal, Principal):
        raise NotAuthenticated("Sign in first: send the access token as `Authorization: Bearer ...`.")
    return principal


async def current_principal(request: Request, needed: SecurityScopes) -> Principal:
    """A FastAPI dependency: whoever is signed in, or calls with a key that has the route's scope."""
    principal = await current_person(request)
    if principal.role == "pending":
        raise AccountPending("An administrator has yet to admit you.")
    if principal.scopes is not None:
        _check_scopes(principal.scopes, needed.scopes)
    return principal


async def current_editor(request: Request, needed: SecurityScopes) -> Principal:
    """A FastAPI dependency: the same, and manages collections: all of them, or those of their groups."""
    principal = await current_principal(request, needed)
    if not principal.is_editor:
        raise NotAllowed("Only an administrator or an editor may do this.")
    return principal


async def current_admin(request: Request, needed: SecurityScopes) -> Principal:
    """A FastAPI dependency: the same, and is an administrator."""
    principal = await current_principal(request, needed)
    if not principal.is_admin:
        raise NotAllowed("Only an administrator may do this.")
    return principal


def _check_scopes(granted: frozenset[str], needed: list[str]) -> None:
    if not needed:
        raise MissingScope("No API key may do this. Sign in with your password.")
    if missing := [scope for scope in needed if scope not in granted]:
        raise MissingScope(f"This API key lacks the scope {missing[0]}. Use a key that has it.")
