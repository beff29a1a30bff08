"""The event log as administrators see it: how far subscriptions are, what was parked, retry and replay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Security
from sqlalchemy import func, select

from src.infrastructure.database import event_log
from src.infrastructure.database.checkpoints import Checkpoint, ParkedEvent
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.exceptions.errors import Conflict, NotFound
from src.shared.middleware.authentication import current_admin
from src.shared.paging import Cursor, Limit, Page
from src.shared.schemas import ItemModel, ResponseModel

router = APIRouter(
    prefix="/operations/events",
    tags=["operations"],
    dependencies=[Security(current_admin, scopes=["admin"])],
)


class UnknownSubscription(NotFound):
    code = "unknown_subscription"


class UnknownParkedEvent(NotFound):
    code = "unknown_parked_event"


class NotReplayable(Conflict):
    code = "not_replayable"


class LogTrimmed(Conflict):
    code = "log_trimmed"


@dataclass(frozen=True)
class SubscriptionStatus:
    """How a subscription fares: `lag` in positions of the log, `attempts` and `error` of its next event."""

    name: str
    kind: str
    position: int
    lag: int
    attempts: int
    error: str | None
    parked: int


class EventService:
    """Looks at the log, and leaves wishes that the server carries out within a poll's time or at its start."""

    def __init__(self, database: Database, local_positions: Callable[[], Mapping[str, int]]) -> None:
        self._database = database
        self._local_positions = local_positions

    async def status(self) -> list[SubscriptionStatus]:
        """Return every shared subscription, and the local ones of this process."""
        return await self._database.read(self._status)

    async def head(self) -> int:
        return await self._database.read(lambda uow: event_log.head(uow.connection))

    async def lags(self) -> dict[str, int]:
        return {each.name: each.lag for each in await self.status()}

    async def parked(self, after: UUID | None, limit: int) -> Sequence[ParkedEvent]:
        """Return parked events, the oldest first."""
        query = select(ParkedEvent).order_by(ParkedEvent.id).limit(limit)
        if after:
            query = query.where(ParkedEvent.id > after)
        return await self._database.read(lambda uow: uow.session.scalars(query).all())

    async def retry(self, parked_id: UUID) -> ParkedEvent:
        """Have a parked event delivered once more."""

        def request(uow: UnitOfWork) -> ParkedEvent:
            parked = uow.session.get(ParkedEvent, parked_id)
            if parked is None:
                raise UnknownParkedEvent("There is no such parked event; it may have been delivered.")
            parked.retry_requested = True
            _checkpoint(uow, parked.subscription).retry_requested = True
            return parked

        return await self._database.write(request, alone=True)

    async def replay(self, name: str) -> None:
        """Have a projection's tables made anew from the whole log; refused when the log was trimmed."""

        def request(uow: UnitOfWork) -> None:
            checkpoint = _checkpoint(uow, name)
            if checkpoint.kind != "projection":
                raise NotReplayable(
                    "Only a projection can be replayed: a reaction would do everything again."
                )
            if trimmed := event_log.trimmed_to(uow.connection):
                raise LogTrimmed(
                    f"The log was trimmed up to position {trimmed}: a replay would lose what stood before it."
                )
            checkpoint.replay_requested = True

        await self._database.write(request, alone=True)

    async def forget(self, name: str) -> None:
        """Delete a checkpoint that no code has any more, so that the log does not wait for it."""

        def forget(uow: UnitOfWork) -> None:
            uow.session.delete(_checkpoint(uow, name))

        await self._database.write(forget, alone=True)

    def _status(self, uow: UnitOfWork) -> list[SubscriptionStatus]:
        head = event_log.head(uow.connection)
        counts = select(ParkedEvent.subscription, func.count()).group_by(ParkedEvent.subscription)
        parked = {row[0]: row[1] for row in uow.connection.execute(counts)}
        shared = [
            SubscriptionStatus(
                name=each.name,
                kind=each.kind,
                position=each.position,
                lag=max(0, head - each.position),
                attempts=each.attempts,
                error=each.error,
                parked=parked.get(each.name, 0),
            )
            for each in uow.session.scalars(select(Checkpoint).order_by(Checkpoint.name))
        ]
        known = {each.name for each in shared}
        local = [
            SubscriptionStatus(name, "local", position, max(0, head - position), 0, None, 0)
            for name, position in sorted(self._local_positions().items())
            if name not in known
        ]
        return shared + local


class SubscriptionResponse(ResponseModel):
    name: str
    kind: str
    position: int
    lag: int
    attempts: int
    error: str | None
    parked: int


class SubscriptionsResponse(ResponseModel):
    items: list[SubscriptionResponse]


class ParkedEventResponse(ItemModel):
    subscription: str
    position: int
    event_id: UUID
    name: str
    attempts: int
    error: str
    parked_at: datetime
    retry_requested: bool


async def _events(request: Request) -> EventService:
    service: EventService = request.app.state.events
    return service


Events = Annotated[EventService, Depends(_events)]


@router.get("")
async def list_subscriptions(events: Events) -> SubscriptionsResponse:
    statuses = await events.status()
    return SubscriptionsResponse(items=[SubscriptionResponse.model_validate(each) for each in statuses])


@router.get("/parked")
async def list_parked(events: Events, limit: Limit = 50, cursor: Cursor = None) -> Page[ParkedEventResponse]:
    page = await events.parked(cursor, limit)
    return Page.of([ParkedEventResponse.model_validate(parked) for parked in page], limit)


@router.post("/parked/{parked_id}/retry", status_code=202)
async def retry_parked(parked_id: UUID, events: Events) -> ParkedEventResponse:
    return ParkedEventResponse.model_validate(await events.retry(parked_id))


@router.post("/{name}/replay", status_code=202)
async def replay(name: str, events: Events) -> None:
    await events.replay(name)


def _checkpoint(uow: UnitOfWork, name: str) -> Checkpoint:
    checkpoint = uow.session.get(Checkpoint, name, with_for_update=True)
    if checkpoint is None:
        raise UnknownSubscription(f"There is no shared subscription named {name}.")
    return checkpoint
