"""Request and response models of profiles and models."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from pydantic import Field

from src.domains.chat.models import Profile, WithoutSources
from src.domains.chat.schemas.sessions import ModelName
from src.domains.chat.services.offers import Offer
from src.domains.chat.services.profiles import ProfileChange
from src.shared.middleware.authentication import Principal
from src.shared.schemas import ItemModel, Name, RequestModel, ResponseModel

Description = Annotated[str, Field(max_length=2_000)]
SystemPrompt = Annotated[str, Field(max_length=20_000)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Ids = Annotated[list[UUID], Field(max_length=200)]


class CreateProfileRequest(RequestModel):
    name: Name
    description: Description = ""
    system_prompt: SystemPrompt = ""
    model: ModelName | None = None
    temperature: Temperature | None = None
    collection_ids: Ids = Field(default_factory=list)
    group_ids: Ids = Field(default_factory=list)
    without_sources: WithoutSources = "say_so"

    @property
    def change(self) -> ProfileChange:
        return cast("ProfileChange", self.model_dump())


class ChangeProfileRequest(CreateProfileRequest):
    """Only what is sent changes; null for the model or the temperature means the platform's own."""

    name: Name = ""

    @property
    def change(self) -> ProfileChange:
        return cast("ProfileChange", self.model_dump(exclude_unset=True))


class ProfileResponse(ItemModel):
    """No groups: for everyone; no collections: all that one may read. The prompt is for administrators."""

    name: str
    description: str
    system_prompt: str | None
    model: str | None
    temperature: float | None
    collection_ids: list[UUID]
    group_ids: list[UUID]
    without_sources: WithoutSources
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, profile: Profile, reader: Principal) -> "ProfileResponse":
        response = cls.model_validate(profile)
        return response if reader.is_admin else response.model_copy(update={"system_prompt": None})


class ModelResponse(ResponseModel):
    """A model that people may choose. Sizes in tokens, prices in US dollars for a million of them."""

    name: str
    label: str
    context_tokens: int
    max_output_tokens: int
    price_in: float
    price_out: float
    is_default: bool

    @classmethod
    def of(cls, offer: Offer, default: Offer) -> "ModelResponse":
        return cls(
            name=offer.name,
            label=offer.label,
            context_tokens=offer.context_tokens,
            max_output_tokens=offer.max_output_tokens,
            price_in=offer.price_in,
            price_out=offer.price_out,
            is_default=offer is default,
        )


class ModelsResponse(ResponseModel):
    items: list[ModelResponse]
