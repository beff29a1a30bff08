"""FastAPI dependencies of chat."""

from typing import Annotated

from fastapi import Depends, Request

from src.domains.chat.services.sessions import SessionService
from src.domains.chat.services.tools import Toolbox
from src.domains.chat.services.turns import TurnService
from src.shared.middleware.authentication import Principal, current_principal


async def _sessions(request: Request) -> SessionService:
    service: SessionService = request.app.state.sessions
    return service


async def _turns(request: Request) -> TurnService:
    service: TurnService = request.app.state.turns
    return service


async def _toolbox(request: Request) -> Toolbox:
    service: Toolbox = request.app.state.toolbox
    return service


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
Sessions = Annotated[SessionService, Depends(_sessions)]
Tools = Annotated[Toolbox, Depends(_toolbox)]
Turns = Annotated[TurnService, Depends(_turns)]
