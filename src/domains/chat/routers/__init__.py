"""The HTTP API of chat."""

from src.domains.chat.routers import (
    budgets,
    guardrail,
    messages,
    openai,
    profiles,
    sessions,
    shares,
    tools,
    turns,
)

# Side by side and not within one another: FastAPI looks for a route anew at every level. Turns first.
routers = (
    turns.router,
    sessions.router,
    messages.router,
    shares.router,
    profiles.router,
    tools.router,
    budgets.router,
    guardrail.router,
)

openai_router = openai.router
