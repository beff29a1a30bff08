"""The HTTP API of chat."""

from fastapi import APIRouter

from src.domains.chat.routers import sessions, tools, turns

router = APIRouter(tags=["chat"])
for each in (turns.router, sessions.router, tools.router):
    router.include_router(each)
