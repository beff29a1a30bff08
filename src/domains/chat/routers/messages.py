"""The HTTP API of messages, of feedback on them, and of the search in them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from src.domains.chat.dependencies import CurrentPrincipal, Messages, Search
from src.domains.chat.schemas.messages import FeedbackRequest, HitResponse, MessageResponse
from src.domains.chat.services.messages import Feedback
from src.shared.paging import Cursor, Limit, Page

router = APIRouter(prefix="/chat", tags=["chat"])

SearchedFor = Annotated[
    str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="Words, or pieces of them.")
]


@router.get("/sessions/{session_id}/messages")
async def list_messages(
    session_id: UUID,
    principal: CurrentPrincipal,
    messages: Messages,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MessageResponse]:
    page = await messages.page(principal, session_id, cursor, limit)
    return Page.of([MessageResponse.of(view) for view in page], limit)


@router.get("/messages/{message_id}")
async def get_message(message_id: UUID, principal: CurrentPrincipal, messages: Messages) -> MessageResponse:
    return MessageResponse.of(await messages.get(principal, message_id))


@router.put("/messages/{message_id}/feedback")
async def give_feedback(
    message_id: UUID, body: FeedbackRequest, principal: CurrentPrincipal, messages: Messages
) -> MessageResponse:
    feedback = Feedback(body.rating, body.reasons, body.comment)
    return MessageResponse.of(await messages.give_feedback(principal, message_id, feedback))


@router.delete("/messages/{message_id}/feedback", status_code=204)
async def withdraw_feedback(message_id: UUID, principal: CurrentPrincipal, messages: Messages) -> None:
    await messages.withdraw_feedback(principal.user_id, message_id)


@router.get("/search")
async def search_messages(
    q: SearchedFor, principal: CurrentPrincipal, search: Search, limit: Limit = 20, cursor: Cursor = None
) -> Page[HitResponse]:
    hits = await search.search(principal.user_id, q, cursor, limit)
    return Page.of([HitResponse.model_validate(hit) for hit in hits], limit)
