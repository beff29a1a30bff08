"""FastAPI dependencies of chat."""

import hashlib
from typing import Annotated

from fastapi import Depends, Header, Request, Security

from src.domains.chat.services.budgets import BudgetService
from src.domains.chat.services.exports import ExportService
from src.domains.chat.services.guardrail_rules import RuleService
from src.domains.chat.services.messages import MessageService
from src.domains.chat.services.offers import Offers
from src.domains.chat.services.open_door import OpenDoor
from src.domains.chat.services.profiles import ProfileService
from src.domains.chat.services.search import MessageSearch
from src.domains.chat.services.sessions import SessionService
from src.domains.chat.services.sharing import ShareService
from src.domains.chat.services.tools import Toolbox
from src.domains.chat.services.turn import RequestKey
from src.domains.chat.services.turns import TurnService
from src.shared.middleware.authentication import Principal, current_admin, current_principal


async def _sessions(request: Request) -> SessionService:
    service: SessionService = request.app.state.sessions
    return service


async def _messages(request: Request) -> MessageService:
    service: MessageService = request.app.state.messages
    return service


async def _message_search(request: Request) -> MessageSearch:
    service: MessageSearch = request.app.state.message_search
    return service


async def _shares(request: Request) -> ShareService:
    service: ShareService = request.app.state.shares
    return service


async def _exports(request: Request) -> ExportService:
    service: ExportService = request.app.state.exports
    return service


async def _profiles(request: Request) -> ProfileService:
    service: ProfileService = request.app.state.profiles
    return service


async def _guardrail_rules(request: Request) -> RuleService:
    service: RuleService = request.app.state.guardrail_rules
    return service


async def _offers(request: Request) -> Offers:
    offers: Offers = request.app.state.offers
    return offers


async def _budgets(request: Request) -> BudgetService:
    service: BudgetService = request.app.state.budgets
    return service


async def _turns(request: Request) -> TurnService:
    service: TurnService = request.app.state.turns
    return service


async def _toolbox(request: Request) -> Toolbox:
    service: Toolbox = request.app.state.toolbox
    return service


async def _open_door(request: Request) -> OpenDoor:
    service: OpenDoor = request.app.state.open_door
    return service


async def _request_key(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key gets the same answer.")
    ] = None,
) -> RequestKey | None:
    if idempotency_key is None:
        return None
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body())
    return RequestKey(idempotency_key, digest.hexdigest())


CurrentPrincipal = Annotated[Principal, Security(current_principal, scopes=["chat"])]
CurrentAdmin = Annotated[Principal, Security(current_admin, scopes=["admin"])]
Sessions = Annotated[SessionService, Depends(_sessions)]
Tools = Annotated[Toolbox, Depends(_toolbox)]
Messages = Annotated[MessageService, Depends(_messages)]
Search = Annotated[MessageSearch, Depends(_message_search)]
Shares = Annotated[ShareService, Depends(_shares)]
Exports = Annotated[ExportService, Depends(_exports)]
Profiles = Annotated[ProfileService, Depends(_profiles)]
Budgets = Annotated[BudgetService, Depends(_budgets)]
GuardrailRules = Annotated[RuleService, Depends(_guardrail_rules)]
ModelOffers = Annotated[Offers, Depends(_offers)]
Turns = Annotated[TurnService, Depends(_turns)]
Door = Annotated[OpenDoor, Depends(_open_door)]
Key = Annotated[RequestKey | None, Depends(_request_key)]
