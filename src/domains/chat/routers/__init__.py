"""The HTTP API of chat."""

from fastapi import APIRouter

from src.domains.chat.routers import sessions, turns

router = APIRouter(tags=["chat"])
for each in (turns.router, sessions.router):
    router.include_router(each)
