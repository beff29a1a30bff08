"""What chat publishes."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from src.shared.events.base import DomainEvent


class ChatMessageReceived(DomainEvent):
    """A person asked something; the answer will be `answer_id`.

    An edited question is another one. In a temporary session `message` is empty. `channel` is the door that it
    came by: `chat` or `openai`.
    """

    name: ClassVar[str] = "chat.message_received"
    subject: ClassVar[str | None] = "session_id"
    personal: ClassVar[frozenset[str]] = frozenset({"message"})

    session_id: UUID
    message_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    message: str
    channel: str = "chat"
    profile_id: UUID | None = None


class ChatAnswerRequestedAgain(DomainEvent):
    """A person wants another answer to a question that was told before; it will be `answer_id`."""

    name: ClassVar[str] = "chat.answer_requested_again"

    session_id: UUID
    question_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    channel: str = "chat"
    profile_id: UUID | None = None


class ChatResponseGenerated(DomainEvent):
    """An answer is complete, or was stopped (`finish_reason` is `stopped` then).

    Times in milliseconds from the question's arrival; cost in US dollars, of all calls that the answer took.
    `failed_models` were tried before `model`; `tools` are the names of those that were called.
    """

    name: ClassVar[str] = "chat.response_generated"

    session_id: UUID
    message_id: UUID
    question_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    model: str
    grounded: bool
    retrieved_passage_ids: tuple[UUID, ...]
    cited_passage_ids: tuple[UUID, ...]
    tokens_in: int
    tokens_out: int
    cost: float
    first_token_ms: int
    total_ms: int
    finish_reason: str = "stop"
    failed_models: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


class ChatResponseFailed(DomainEvent):
    """A question got no complete answer. `code` is the error's; `interrupted` when the server ended meanwhile.

    What it cost all the same is told where it is known.
    """

    name: ClassVar[str] = "chat.response_failed"

    session_id: UUID
    message_id: UUID
    question_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    code: str
    model: str | None = None
    failed_models: tuple[str, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class ChatModelUsed(DomainEvent):
    """A model was called after an answer, for the sake of its session: for a title, or a summary."""

    name: ClassVar[str] = "chat.model_used"

    session_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    purpose: Literal["title", "summary"]
    model: str
    tokens_in: int
    tokens_out: int
    cost: float


class FeedbackGiven(DomainEvent):
    """A person judged an answer; a later judgement of the same answer replaces it."""

    name: ClassVar[str] = "chat.feedback_given"
    subject: ClassVar[str | None] = "session_id"
    personal: ClassVar[frozenset[str]] = frozenset({"comment", "reasons"})

    session_id: UUID
    message_id: UUID
    user_id: UUID
    rating: str
    reasons: tuple[str, ...]
    comment: str


class FeedbackWithdrawn(DomainEvent):
    """A person took back what they had said of an answer."""

    name: ClassVar[str] = "chat.feedback_withdrawn"

    session_id: UUID
    message_id: UUID
    user_id: UUID


class SessionDeleted(DomainEvent):
    """A conversation is gone for good; whoever holds text of it erases it."""

    name: ClassVar[str] = "chat.session_deleted"

    session_id: UUID
    user_id: UUID


class ProfileFacts(BaseModel):
    """What an assistant is, but for what it is told to do."""

    model_config = ConfigDict(frozen=True)

    profile_name: str
    model: str | None
    collection_ids: tuple[UUID, ...]
    group_ids: tuple[UUID, ...]
    without_sources: str


class ProfileChanged(DomainEvent):
    """An administrator made an assistant, or changed it to this. No groups: it is for everyone."""

    name: ClassVar[str] = "chat.profile_changed"

    profile_id: UUID
    user_id: UUID
    profile_name: str
    is_new: bool
    model: str | None
    collection_ids: tuple[UUID, ...]
    group_ids: tuple[UUID, ...]
    without_sources: str
    before: ProfileFacts | None = None


class ProfileDeleted(DomainEvent):
    """An administrator deleted an assistant; its sessions go on with the platform's own."""

    name: ClassVar[str] = "chat.profile_deleted"

    profile_id: UUID
    user_id: UUID
    profile_name: str


BudgetScope = Literal["default", "platform", "user", "group"]
"""For whom a budget is: each user without one of their own, all together, or the one of `subject_id`."""


class BudgetFacts(BaseModel):
    """The limits of a budget. None is no limit; costs in US dollars."""

    model_config = ConfigDict(frozen=True)

    day_tokens: int | None
    day_cost: float | None
    month_tokens: int | None
    month_cost: float | None


class BudgetChanged(DomainEvent):
    """An administrator set a budget to this: the whole of it. None is no limit; costs in US dollars."""

    name: ClassVar[str] = "chat.budget_changed"

    user_id: UUID
    scope: BudgetScope
    subject_id: UUID | None
    day_tokens: int | None
    day_cost: float | None
    month_tokens: int | None
    month_cost: float | None
    before: BudgetFacts | None = None


class BudgetDeleted(DomainEvent):
    """A budget is gone: an administrator took it away (a user then has the default one), or its group is gone."""

    name: ClassVar[str] = "chat.budget_deleted"

    user_id: UUID | None
    scope: BudgetScope
    subject_id: UUID | None
    before: BudgetFacts


class BudgetNearlyUsed(DomainEvent):
    """Little is left of a budget: told once for its day or month. `user_id` is who asked last.

    `subject_id` is the user or group that has it, None for the platform. Costs in US dollars; a limit of None
    is none.
    """

    name: ClassVar[str] = "chat.budget_nearly_used"

    user_id: UUID
    scope: BudgetScope
    subject_id: UUID | None
    period: Literal["day", "month"]
    resets_at: datetime
    tokens_used: int
    tokens_limit: int | None
    cost_used: float
    cost_limit: float | None


class BudgetExceeded(BudgetNearlyUsed):
    """A call of a model was refused, for it could take more than is left of a budget."""

    name: ClassVar[str] = "chat.budget_exceeded"


class ChatMessageBlocked(DomainEvent):
    """A person's message was answered with a reason and never reached a model.

    `category` is the guardrail's; `rule_id` is none where a service outside decided. No text of it is told.
    """

    name: ClassVar[str] = "chat.message_blocked"

    session_id: UUID
    message_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    channel: str
    profile_id: UUID | None
    category: str
    rule_id: UUID | None


class GuardrailIntervened(DomainEvent):
    """The guardrail did something to a text of a turn: once for each rule and direction, and without any text.

    `direction` is `input`, `output` or `passages` (also what tools gave); `action` is `block`, `mask` or `flag`.
    An intervention without `rule_id` is a service's outside, with the category in its words.
    """

    name: ClassVar[str] = "chat.guardrail_intervened"

    session_id: UUID
    answer_id: UUID
    user_id: UUID
    group_ids: tuple[UUID, ...]
    direction: str
    action: str
    category: str
    rule_id: UUID | None
    count: int


class GuardrailRuleFacts(BaseModel):
    """What a rule of the guardrail is, but for its terms: `terms` is how many it has."""

    model_config = ConfigDict(frozen=True)

    category: str
    action: str
    directions: tuple[str, ...]
    profile_id: UUID | None
    is_enabled: bool
    terms: int


class GuardrailRulesChanged(DomainEvent):
    """An administrator made a rule, changed it to this, or deleted it; whoever keeps rules reads them anew.

    `terms` is how many it has: which ones are nobody's but chat's.
    """

    name: ClassVar[str] = "chat.guardrail_rules_changed"

    rule_id: UUID
    user_id: UUID
    change: Literal["created", "changed", "deleted"]
    category: str
    action: str
    directions: tuple[str, ...]
    profile_id: UUID | None
    is_enabled: bool
    terms: int
    before: GuardrailRuleFacts | None = None
