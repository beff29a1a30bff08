"""The HTTP API of the guardrail's rules."""

from uuid import UUID

from fastapi import APIRouter

from src.domains.chat.dependencies import CurrentAdmin, GuardrailRules
from src.domains.chat.schemas.guardrail import (
    ChangeRuleRequest,
    CreateRuleRequest,
    RuleResponse,
    TrialResponse,
    TryRequest,
)
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat/guardrails", tags=["chat"])


@router.get("/rules")
async def list_rules(
    _admin: CurrentAdmin, rules: GuardrailRules, limit: Limit = 50, cursor: Cursor = None
) -> Page[RuleResponse]:
    page = await rules.page(cursor, limit)
    return Page.of([RuleResponse.model_validate(rule) for rule in page], limit)


@router.post("/rules", status_code=201)
async def create_rule(body: CreateRuleRequest, admin: CurrentAdmin, rules: GuardrailRules) -> RuleResponse:
    return RuleResponse.model_validate(await rules.create(admin, body.change))


@router.patch("/rules/{rule_id}")
async def change_rule(
    rule_id: UUID, body: ChangeRuleRequest, admin: CurrentAdmin, rules: GuardrailRules
) -> RuleResponse:
    return RuleResponse.model_validate(await rules.change(admin, rule_id, body.change))


@router.delete("/rules/{rule_id}", status_code=204)
async def delete_rule(rule_id: UUID, admin: CurrentAdmin, rules: GuardrailRules) -> None:
    await rules.delete(admin, rule_id)


@router.post("/try")
async def try_out(body: TryRequest, _admin: CurrentAdmin, rules: GuardrailRules) -> TrialResponse:
    """Tell what would become of a text; nothing of it is kept."""
    return TrialResponse.of(await rules.try_out(body.text, body.direction, body.profile_id))
