"""Request and response models of signing in by an OpenID provider."""

from pydantic import Field

from src.shared.schemas import RequestModel, ResponseModel


class ProviderResponse(ResponseModel):
    name: str
    label: str


class ProvidersResponse(ResponseModel):
    items: list[ProviderResponse]


class RedeemRequest(RequestModel):
    ticket: str = Field(max_length=2000)
