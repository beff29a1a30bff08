"""The dashboard after three months of questions, however many they were, and how fast its figures are made."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bench.delivery import Delivery, delivering
from bench.history import DAYS, History
from bench.report import show_checks, show_table
from bench.server import House
from src.domains.analytics import subscribers
from src.domains.analytics.repositories.turns import TURNS
from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.dashboards import DashboardService
from src.domains.analytics.services.feedback import FeedbackProjection
from src.domains.analytics.services.turns import TurnProjection
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.unit_of_work import UnitOfWork

ZONE = ZoneInfo("Asia/Seoul")
START = datetime(2026, 1, 1, tzinfo=ZONE)
ASKED = 60
LONGEST_DELIVERY = 7_200
SLOWEST_MS = 100
MOST_GROWTH = 2.0
"""How much longer the dashboard may take of ten times as many turns of as many people."""


@dataclass(frozen=True)
class Found:
    """Of one size: what the projection made of it, and what the dashboard takes (ms, 95th percentile)."""

    turns: int
    events: int
    events_per_second: float
    replayed_per_second: float
    same_figures: bool
    three_months_ms: float
    week_ms: float
    group_ms: float


def run(title: str, houses: Sequence[tuple[House, int]]) -> list[dict[str, Any]]:
    found = [_measure(house, turns) for house, turns in houses]
    columns = (
        *("turns", "events", "events/s", "replayed/s while new ones come"),
        *("90 days p95 ms", "7 days p95 ms", "90 days of a group p95 ms"),
    )
    rows = [
        (
            *(each.turns, each.events, each.events_per_second, each.replayed_per_second),
            *(each.three_months_ms, each.week_ms, each.group_ms),
        )
        for each in found
    ]
    show_table(title, columns, rows)
    slowest = max(each.three_months_ms for each in found)
    growth = found[-1].three_months_ms / found[-2].three_months_ms if len(found) > 1 else 1.0
    show_checks(
        {
            f"the dashboard takes less than {SLOWEST_MS} ms (slowest {slowest:.0f})": slowest < SLOWEST_MS,
            f"its time does not grow with the turns (the last step {growth:.2f})": growth < MOST_GROWTH,
            "a replay makes the same figures": all(each.same_figures for each in found),
        }
    )
    return [asdict(each) for each in found]


def _measure(house: House, turns: int) -> Found:
    house.migrate()
    history = History(turns, START)
    return asyncio.run(_deliver(house, history, _write(house, history)))


def _write(house: House, history: History) -> int:
    engine = database_engine(house.environment()["DATABASE_URL"])
    try:
        return history.write(engine)
    finally:
        engine.dispose()


async def _deliver(house: House, history: History, events: int) -> Found:
    calendar = Calendar(ZONE)
    projections = TurnProjection(calendar), FeedbackProjection()
    started = time.perf_counter()
    async with delivering(house, lambda bus: subscribers.subscribe(bus, *projections)) as delivery:
        await delivery.subscriptions.wait_until_current(subscribers.TURNS, timeout=LONGEST_DELIVERY)
        seconds = time.perf_counter() - started
        dashboards = DashboardService(delivery.database, calendar)
        end, group_id = START + timedelta(days=DAYS, hours=-7), history.groups[0]
        three_months = await _p95(dashboards, START + timedelta(hours=9), end)
        week = await _p95(dashboards, end - timedelta(days=7), end)
        of_group = await _p95(dashboards, START + timedelta(hours=9), end, group_id)
        turns = await delivery.database.read(_turns)
        replayed, same = await _replay(house, delivery, dashboards, events)
    return Found(turns, events, events / seconds, replayed, same, three_months, week, of_group)


async def _p95(dashboards: DashboardService, start: datetime, end: datetime, group_id: Any = None) -> float:
    times = []
    for _ in range(ASKED):
        started = time.perf_counter()
        await dashboards.dashboard(start, end, group_id, None)
        times.append((time.perf_counter() - started) * 1000)
    return quantiles(times, n=20)[-1]


async def _replay(
    house: House, delivery: Delivery, dashboards: DashboardService, events: int
) -> tuple[float, bool]:
    """Make the figures anew while more is asked later on; return events/s, and whether they are the same."""

    async def figures() -> object:
        return await dashboards.dashboard(START, START + timedelta(days=DAYS), None, None)

    before, more = await figures(), History(1_000, START + timedelta(days=DAYS + 1), days=9, seed=2)
    started = time.perf_counter()
    await delivery.events.replay(subscribers.TURNS)
    arriving = await asyncio.to_thread(_write, house, more)
    while any(each.lag for each in await delivery.events.status()):  # noqa: ASYNC110  # only the log tells
        await asyncio.sleep(0.2)
    seconds = time.perf_counter() - started
    return (events + arriving) / seconds, await figures() == before


def _turns(uow: UnitOfWork) -> int:
    return uow.connection.scalar(select(func.count()).select_from(TURNS)) or 0
