"""Request and response models of questions and their answers."""

from uuid import UUID

from src.domains.chat.models import MessageStatus
from src.domains.chat.schemas.budgets import StandingResponse
from src.domains.chat.services.citations import Citation
from src.domains.chat.services.generations import Generation
from src.shared.schemas import RequestModel, ResponseModel


class ChatRequest(RequestModel):
    message: str
    session_id: UUID | None = None
    profile_id: UUID | None = None
    model: str | None = None


class SendMessageRequest(RequestModel):
    content: str
    stream: bool = False


class RegenerateRequest(RequestModel):
    model: str | None = None
    stream: bool = False


class UsageResponse(ResponseModel):
    """Tokens of the answer; `cost` in US dollars."""

    tokens_in: int
    tokens_out: int
    cost: float


class ChatResponse(ResponseModel):
    session_id: UUID
    message_id: UUID
    answer: str
    citations: list[Citation]
    grounded: bool
    usage: UsageResponse
    status: MessageStatus
    model: str | None
    failed_models: list[str]
    finish_reason: str | None
    budget: StandingResponse | None

    @classmethod
    def of(cls, generation: Generation) -> "ChatResponse":
        return cls(
            session_id=generation.session_id,
            message_id=generation.message_id,
            answer=generation.shown,
            citations=list(generation.citations),
            grounded=generation.grounded,
            usage=UsageResponse.model_validate(generation.usage),
            status=generation.status,
            model=generation.model,
            failed_models=list(generation.failed_models),
            finish_reason=generation.finish_reason,
            budget=StandingResponse.model_validate(generation.budget) if generation.budget else None,
        )
