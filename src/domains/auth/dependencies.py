"""FastAPI dependencies of auth."""

from typing import Annotated

from fastapi import Depends, Request, Security

from src.domains.auth.services.accounts import AccountService
from src.domains.auth.services.administration import AdministrationService
from src.domains.auth.services.api_keys import ApiKeyService
from src.domains.auth.services.audit_log import AuditLog
from src.domains.auth.services.invitations import InvitationService
from src.domains.auth.services.login import LoginService
from src.domains.auth.services.openid import OpenIdService
from src.domains.auth.services.password_changes import PasswordService
from src.domains.auth.services.registration import RegistrationService
from src.domains.auth.services.second_factor import SecondFactorService
from src.domains.auth.services.sign_ins import Caller, SignInService
from src.shared.exceptions.errors import NotAllowed
from src.shared.middleware.authentication import Principal, current_admin, current_person

USER_AGENT_CHARACTERS = 300


class SignInRequired(NotAllowed):
    code = "sign_in_required"


async def _accounts(request: Request) -> AccountService:
    service: AccountService = request.app.state.accounts
    return service


async def _registration(request: Request) -> RegistrationService:
    service: RegistrationService = request.app.state.registration
    return service


async def _login(request: Request) -> LoginService:
    service: LoginService = request.app.state.login
    return service


async def _sign_ins(request: Request) -> SignInService:
    service: SignInService = request.app.state.sign_ins
    return service


async def _openid(request: Request) -> OpenIdService:
    service: OpenIdService = request.app.state.openid_sign_ins
    return service


async def _passwords(request: Request) -> PasswordService:
    service: PasswordService = request.app.state.passwords
    return service


async def _second_factors(request: Request) -> SecondFactorService:
    service: SecondFactorService = request.app.state.second_factors
    return service


async def _invitations(request: Request) -> InvitationService:
    service: InvitationService = request.app.state.invitations
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


async def _caller(request: Request) -> Caller:
    user_agent = request.headers.get("user-agent", "").replace("\0", "")
    return Caller(request.client.host if request.client else "", user_agent[:USER_AGENT_CHARACTERS])


Accounts = Annotated[AccountService, Depends(_accounts)]
Registrations = Annotated[RegistrationService, Depends(_registration)]
Logins = Annotated[LoginService, Depends(_login)]
SignIns = Annotated[SignInService, Depends(_sign_ins)]
OpenId = Annotated[OpenIdService, Depends(_openid)]
Passwords = Annotated[PasswordService, Depends(_passwords)]
SecondFactors = Annotated[SecondFactorService, Depends(_second_factors)]
Invitations = Annotated[InvitationService, Depends(_invitations)]
Administration = Annotated[AdministrationService, Depends(_administration)]
ApiKeys = Annotated[ApiKeyService, Depends(_api_keys)]
Audit = Annotated[AuditLog, Depends(_audit)]
Person = Annotated[Principal, Depends(current_person)]
SignedIn = Annotated[Principal, Depends(_signed_in)]
Admin = Annotated[Principal, Security(current_admin, scopes=["admin"])]
FromWhere = Annotated[Caller, Depends(_caller)]
