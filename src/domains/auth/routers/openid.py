"""The HTTP API of signing in by an OpenID provider; `start` and `callback` are for browsers."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Cookie, Query
from fastapi.responses import RedirectResponse

from src.domains.auth.dependencies import FromWhere, OpenId
from src.domains.auth.schemas.openid import ProviderResponse, ProvidersResponse, RedeemRequest
from src.domains.auth.schemas.sign_ins import TokenResponse
from src.domains.auth.services.openid import ATTEMPT_LIFETIME, TICKET_LIFETIME
from src.shared.description import PUBLIC
from src.shared.exceptions.errors import PlatformError

router = APIRouter(prefix="/auth/oidc", tags=["auth"])

ATTEMPT, TICKET = "openid_attempt", "openid_ticket"
ATTEMPT_PATH = "/api/v1/auth/oidc"


@router.get("/providers", openapi_extra=PUBLIC)
async def list_providers(openid: OpenId) -> ProvidersResponse:
    items = [ProviderResponse(name=each.name, label=each.label) for each in openid.connections]
    return ProvidersResponse(items=items)


@router.get("/{provider}/start", status_code=303, response_class=RedirectResponse, openapi_extra=PUBLIC)
async def start(provider: str, openid: OpenId) -> RedirectResponse:
    url, kept = await openid.start(provider)
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        ATTEMPT,
        kept,
        max_age=int(ATTEMPT_LIFETIME.total_seconds()),
        path=ATTEMPT_PATH,
        secure=openid.house_url.startswith("https:"),
        httponly=True,
        samesite="lax",  # it must come along when the provider sends the browser back
    )
    return answer


@router.get("/{provider}/callback", status_code=303, response_class=RedirectResponse, openapi_extra=PUBLIC)
async def callback(
    provider: str,
    openid: OpenId,
    state: Annotated[str, Query(max_length=200)],
    code: Annotated[str | None, Query(max_length=4000)] = None,
    iss: Annotated[str | None, Query(max_length=1000)] = None,
    openid_attempt: Annotated[str, Cookie(max_length=4000)] = "",
) -> RedirectResponse:
    try:
        ticket = await openid.finish(provider, openid_attempt, state, code, iss)
    except PlatformError as error:
        answer = RedirectResponse(f"{openid.house_url}/?{urlencode({'refused': error.code})}", 303)
    else:
        answer = RedirectResponse(f"{openid.house_url}/", 303)
        answer.set_cookie(
            TICKET,
            ticket,
            max_age=int(TICKET_LIFETIME.total_seconds()),
            secure=openid.house_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    answer.delete_cookie(ATTEMPT, path=ATTEMPT_PATH)
    return answer


@router.post("/redeem", openapi_extra=PUBLIC)
async def redeem(body: RedeemRequest, caller: FromWhere, openid: OpenId) -> TokenResponse:
    return TokenResponse.model_validate(await openid.redeem(body.ticket, caller))
