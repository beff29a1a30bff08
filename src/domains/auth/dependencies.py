"""FastAPI dependencies of auth."""

from typing import Annotated

from fastapi import Depends, Request

from src.domains.auth.services.accounts import AccountService
from src.domains.auth.services.administration import AdministrationService


async def _accounts(request: Request) -> AccountService:
    service: AccountService = request.app.state.accounts
    return service


async def _administration(request: Request) -> AdministrationService:
    service: AdministrationService = request.app.state.administration
    return service


Accounts = Annotated[AccountService, Depends(_accounts)]
Administration = Annotated[AdministrationService, Depends(_administration)]
