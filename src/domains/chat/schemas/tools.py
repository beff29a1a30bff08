"""Response models of tools."""

from src.shared.schemas import ResponseModel


class ToolResponse(ResponseModel):
    name: str
    description: str


class ToolsResponse(ResponseModel):
    items: list[ToolResponse]
