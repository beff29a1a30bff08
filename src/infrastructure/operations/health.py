"""Health of the house: is it alive, can it serve."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

router = APIRouter(tags=["operations"])

Check = Callable[[], Awaitable[bool]]


class Alive(BaseModel):
    status: str = "ok"


class Readiness(BaseModel):
    """Whether the server can serve, and each thing that it needs for that."""

    status: str
    checks: dict[str, bool]


class HealthService:
    """Asks everything that the server cannot serve without."""

    def __init__(self, checks: dict[str, Check]) -> None:
        self._checks = checks

    async def readiness(self) -> Readiness:
        results = {name: await _passes(check) for name, check in self._checks.items()}
        return Readiness(status="ready" if all(results.values()) else "not ready", checks=results)


@router.get("/health")
async def alive() -> Alive:
    return Alive()


@router.get("/health/ready")
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
