"""Health of the house: is it alive, can it serve."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from src.shared.description import PUBLIC

router = APIRouter(tags=["operations"])

Check = Callable[[], Awaitable[bool]]


class Alive(BaseModel):
    status: str = "ok"


class Readiness(BaseModel):
    """Whether the server can serve, each thing that it needs for that, and how far subscriptions are behind.

    `event_lag` counts positions of the event log; it is empty while the server is not ready.
    """

    status: str
    checks: dict[str, bool]
    event_lag: dict[str, int]


class HealthService:
    """Asks everything that the server cannot serve without."""

    def __init__(self, checks: Mapping[str, Check], lags: Callable[[], Awaitable[dict[str, int]]]) -> None:
        self._checks = checks
        self._lags = lags

    async def readiness(self) -> Readiness:
        results = {name: await _passes(check) for name, check in self._checks.items()}
        ready = all(results.values())
        lags = await self._lags() if ready else {}
        return Readiness(status="ready" if ready else "not ready", checks=results, event_lag=lags)


@router.get("/health", openapi_extra=PUBLIC)
async def alive() -> Alive:
    return Alive()


@router.get("/health/ready", openapi_extra=PUBLIC)
async def ready(request: Request, response: Response) -> Readiness:
    health: HealthService = request.app.state.health
    readiness = await health.readiness()
    response.status_code = 200 if readiness.status == "ready" else 503
    return readiness


async def _passes(check: Check) -> bool:
    try:
        return await check()
    except Exception:
        return False
