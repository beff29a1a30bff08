"""The HTTP API of tools."""

from fastapi import APIRouter

from src.domains.chat.dependencies import CurrentPrincipal, Tools
from src.domains.chat.schemas.tools import ToolResponse, ToolsResponse
from src.domains.chat.services.ports import Asker

router = APIRouter(prefix="/chat", tags=["chat"])


@router.get("/tools")
async def list_tools(principal: CurrentPrincipal, toolbox: Tools) -> ToolsResponse:
    offered = toolbox.offered(Asker(principal.user_id, principal.group_ids))
    return ToolsResponse(items=[ToolResponse.model_validate(spec) for spec in offered])
