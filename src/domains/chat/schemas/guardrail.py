"""Request and response models of the guardrail's rules."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from pydantic import Field, StringConstraints

from src.domains.chat.services.guardrail import Action, Category, Direction
from src.domains.chat.services.guardrail_rules import RuleChange, Trial
from src.shared.schemas import ItemModel, RequestModel, ResponseModel

Term = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100, pattern=r"^[^\x00]*$")
]
Terms = Annotated[list[Term], Field(max_length=200)]
Directions = Annotated[list[Direction], Field(min_length=1, max_length=3)]
Reply = Annotated[str, Field(max_length=500)]


class CreateRuleRequest(RequestModel):
    category: Category
    action: Action
    directions: Directions
    terms: Terms = Field(default_factory=list)
    profile_id: UUID | None = None
    reply: Reply = ""
    is_enabled: bool = True

    @property
    def change(self) -> RuleChange:
        return cast("RuleChange", self.model_dump())


class ChangeRuleRequest(RequestModel):
    """Only what is sent changes. A rule keeps its category."""

    action: Action = "flag"
    directions: Directions = Field(default_factory=list)
    terms: Terms = Field(default_factory=list)
    profile_id: UUID | None = None
    reply: Reply = ""
    is_enabled: bool = True

    @property
    def change(self) -> RuleChange:
        return cast("RuleChange", self.model_dump(exclude_unset=True))


class RuleResponse(ItemModel):
    category: Category
    action: Action
    directions: list[Direction]
    terms: list[str]
    profile_id: UUID | None
    reply: str
    is_enabled: bool
    created_at: datetime
    updated_at: datetime


class TryRequest(RequestModel):
    text: Annotated[str, Field(max_length=20_000)]
    direction: Direction = "input"
    profile_id: UUID | None = None


class FindingResponse(ResponseModel):
    """What was found from `start` to before `end`; an allowed topic that is missed is at 0 to 0."""

    rule_id: UUID
    category: Category
    action: Action
    start: int
    end: int


class TrialResponse(ResponseModel):
    """`action` is the strictest one, null when the text goes on as it is; `text` is what would go on.

    `outside` is what a service outside has found, by its own words.
    """

    action: Action | None
    text: str
    findings: list[FindingResponse]
    outside: dict[str, int]

    @classmethod
    def of(cls, trial: Trial) -> "TrialResponse":
        return cls(
            action=trial.action,
            text=trial.text,
            findings=[
                FindingResponse(
                    rule_id=each.rule.id,
                    category=each.rule.category,
                    action=each.rule.action,
                    start=each.start,
                    end=each.end,
                )
                for each in trial.findings
            ],
            outside=dict(trial.judgement.found) if trial.judgement else {},
        )
