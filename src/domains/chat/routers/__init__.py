"""The HTTP API of chat."""

from fastapi import APIRouter

from src.domains.chat.routers import messages, profiles, sessions, shares, tools, turns

router = APIRouter(tags=["chat"])
for each in (turns.router, sessions.router, messages.router, shares.router, profiles.router, tools.router):
    router.include_router(each)
