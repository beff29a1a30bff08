"""FastAPI dependencies of auth."""

from typing import Annotated

from fastapi import Depends, Request, Security

from src.domains.auth.services.accounts import AccountService
from src.domains.auth.services.administration import AdministrationService
from src.domains.auth.services.api_keys import ApiKeyService
from src.domains.auth.services.audit_log import AuditLog
from src.shared.exceptions.errors import NotAllowed
from src.shared.middleware.authentication import Principal, current_admin, current_person


class SignInRequired(NotAllowed):
    code = "sign_in_required"


async def _accounts(request: Request) -> AccountService:
    service: AccountService = request.app.state.accounts
    return service


async def _administration(request: Request) -> AdministrationService:
    service: AdministrationService = request.app.state.administration
    return service


async def _api_keys(request: Request) -> ApiKeyService:
    service: ApiKeyService = request.app.state.api_keys
    return service


async def _audit(request: Request) -> AuditLog:
    service: AuditLog = request.app.state.audit
    return service


async def _signed_in(request: Request) -> Principal:
    """Whoever signed in, also who waits to be admitted: a program that got hold of a key cannot make it last."""
    principal = await current_person(request)
    if principal.api_key_id:
        raise SignInRequired("An API key cannot do this. Sign in with your password.")
    return principal


Accounts = Annotated[AccountService, Depends(_accounts)]
Administration = Annotated[AdministrationService, Depends(_administration)]
ApiKeys = Annotated[ApiKeyService, Depends(_api_keys)]
Audit = Annotated[AuditLog, Depends(_audit)]
Person = Annotated[Principal, Depends(current_person)]
SignedIn = Annotated[Principal, Depends(_signed_in)]
Admin = Annotated[Principal, Security(current_admin, scopes=["admin"])]
