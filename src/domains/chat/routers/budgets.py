"""The HTTP API of budgets."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from src.domains.chat.dependencies import Budgets, CurrentAdmin, CurrentPrincipal
from src.domains.chat.models import BudgetScope
from src.domains.chat.schemas.budgets import (
    BudgetResponse,
    SetBudgetRequest,
    StandingResponse,
    StandingsResponse,
)
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat/budgets", tags=["chat"])

General = Literal["default", "platform"]
Kind = Literal["users", "groups"]
SCOPES: dict[Kind, BudgetScope] = {"users": "user", "groups": "group"}


@router.get("/mine")
async def list_own_standings(principal: CurrentPrincipal, budgets: Budgets) -> StandingsResponse:
    return StandingsResponse(items=[StandingResponse.of(each) for each in await budgets.mine(principal)])


@router.get("")
async def list_budgets(
    _admin: CurrentAdmin, budgets: Budgets, limit: Limit = 50, cursor: Cursor = None
) -> Page[BudgetResponse]:
    return Page.of([BudgetResponse.of(each) for each in await budgets.page(cursor, limit)], limit)


@router.get("/{scope}")
async def get_budget(scope: General, _admin: CurrentAdmin, budgets: Budgets) -> BudgetResponse:
    return BudgetResponse.of(await budgets.get(scope))


@router.put("/{scope}")
async def set_budget(
    scope: General, body: SetBudgetRequest, admin: CurrentAdmin, budgets: Budgets
) -> BudgetResponse:
    return BudgetResponse.of(await budgets.set(admin, body.limits, scope))


@router.delete("/{scope}", status_code=204)
async def delete_budget(scope: General, admin: CurrentAdmin, budgets: Budgets) -> None:
    await budgets.delete(admin, scope)


@router.get("/{kind}/{subject_id}")
async def get_budget_of(
    kind: Kind, subject_id: UUID, _admin: CurrentAdmin, budgets: Budgets
) -> BudgetResponse:
    return BudgetResponse.of(await budgets.get(SCOPES[kind], subject_id))


@router.put("/{kind}/{subject_id}")
async def set_budget_of(
    kind: Kind, subject_id: UUID, body: SetBudgetRequest, admin: CurrentAdmin, budgets: Budgets
) -> BudgetResponse:
    return BudgetResponse.of(await budgets.set(admin, body.limits, SCOPES[kind], subject_id))


@router.delete("/{kind}/{subject_id}", status_code=204)
async def delete_budget_of(kind: Kind, subject_id: UUID, admin: CurrentAdmin, budgets: Budgets) -> None:
    await budgets.delete(admin, SCOPES[kind], subject_id)
