"""The HTTP API of sign-ins and second factors."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm

from src.domains.auth.dependencies import Admin, FromWhere, Logins, SecondFactors, SignedIn, SignIns
from src.domains.auth.schemas.sign_ins import (
    ConfirmFactorRequest,
    EnrolmentResponse,
    EnrolRequest,
    LoginRequest,
    RecoveryCodesResponse,
    RefreshRequest,
    RemoveFactorRequest,
    SecondFactorLoginRequest,
    SecondFactorResponse,
    SignInResponse,
    TokenResponse,
)
from src.shared.description import PUBLIC
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login", openapi_extra=PUBLIC)
async def log_in(body: LoginRequest, caller: FromWhere, login: Logins) -> TokenResponse:
    pair = await login.sign_in(body.email, body.password, caller, body.device_token)
    return TokenResponse.model_validate(pair)


@router.post("/login/second-factor", openapi_extra=PUBLIC)
async def log_in_by_second_factor(
    body: SecondFactorLoginRequest, caller: FromWhere, login: Logins
) -> TokenResponse:
    return TokenResponse.model_validate(await login.redeem(body.challenge, body.code, caller))


@router.post("/token", openapi_extra=PUBLIC)
async def token(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], caller: FromWhere, login: Logins
) -> TokenResponse:
    return TokenResponse.model_validate(await login.sign_in(form.username, form.password, caller))


@router.post("/refresh", openapi_extra=PUBLIC)
async def refresh(body: RefreshRequest, caller: FromWhere, sign_ins: SignIns) -> TokenResponse:
    return TokenResponse.model_validate(await sign_ins.refresh(body.refresh_token, caller))


@router.post("/logout", status_code=204, openapi_extra=PUBLIC)
async def log_out(body: RefreshRequest, sign_ins: SignIns) -> None:
    await sign_ins.sign_out(body.refresh_token)


@router.get("/sign-ins")
async def list_sign_ins(
    principal: SignedIn, sign_ins: SignIns, limit: Limit = 50, cursor: Cursor = None
) -> Page[SignInResponse]:
    page = await sign_ins.page(principal.user_id, cursor, limit)
    return Page.of([SignInResponse.of(each, principal.sign_in_id) for each in page], limit)


@router.post("/sign-ins/end-others", status_code=204)
async def end_other_sign_ins(principal: SignedIn, sign_ins: SignIns) -> None:
    await sign_ins.end_others(principal.user_id, principal.sign_in_id)


@router.delete("/sign-ins/{sign_in_id}", status_code=204)
async def end_sign_in(sign_in_id: UUID, principal: SignedIn, sign_ins: SignIns) -> None:
    await sign_ins.end(principal.user_id, sign_in_id)


@router.get("/second-factor")
async def second_factor(principal: SignedIn, second_factors: SecondFactors) -> SecondFactorResponse:
    return SecondFactorResponse.model_validate(await second_factors.state(principal.user_id))


@router.post("/second-factor", status_code=201)
async def enrol_second_factor(
    body: EnrolRequest, principal: SignedIn, second_factors: SecondFactors
) -> EnrolmentResponse:
    return EnrolmentResponse.model_validate(await second_factors.enrol(principal, body.password))


@router.post("/second-factor/confirm")
async def confirm_second_factor(
    body: ConfirmFactorRequest, principal: SignedIn, second_factors: SecondFactors
) -> RecoveryCodesResponse:
    return RecoveryCodesResponse(recovery_codes=await second_factors.confirm(principal, body.code))


@router.delete("/second-factor", status_code=204)
async def remove_second_factor(
    body: RemoveFactorRequest, principal: SignedIn, second_factors: SecondFactors
) -> None:
    await second_factors.remove(principal, body.password, body.code)


@router.delete("/users/{user_id}/second-factor", status_code=204)
async def remove_second_factor_of(user_id: UUID, admin: Admin, second_factors: SecondFactors) -> None:
    await second_factors.remove_for(user_id, admin.user_id)
