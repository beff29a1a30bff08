"""Every figure of the dashboard is what chat's own tables say, over any range, group and time zone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from bench.history import History
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings
from tests.builders import Person, Platform, platform_on, problem_of
from tests.databases import query

SEOUL, NEW_YORK = ZoneInfo("Asia/Seoul"), ZoneInfo("America/New_York")
START = datetime(2026, 2, 15, tzinfo=SEOUL)
"""With the change to summer time in New York three weeks later."""
TURNS, DAYS = 1_500, 40
END = START + timedelta(days=DAYS)


@pytest.fixture
def history(settings: Settings) -> History:
    made, engine = (
        History(TURNS, START, days=DAYS, people=30),
        database_engine(settings.resolved_database_url),
    )
    made.write(engine)
    engine.dispose()
    return made


class Books:
    """What chat's tables say, counted one by one."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._groups = history.people
        columns = (
            *("a.parent_id", "a.created_at", "a.status", "a.grounded", "a.tokens_in", "a.tokens_out"),
            *("a.cost", "a.first_token_ms", "a.total_ms", "a.feedback", "a.model", "s.id", "s.user_id"),
        )
        rows = query(
            settings,
            f"SELECT {', '.join(columns)} FROM chat_message a JOIN chat_session s ON a.session_id = s.id"
            " WHERE a.role = 'assistant' ORDER BY a.created_at",
        )
        names = [name.split(".")[1] if name != "s.id" else "session" for name in columns]
        self._turns = [dict(zip(names, row, strict=True)) for row in rows]
        seen: set[Any] = set()
        sessions: set[Any] = set()
        for turn in self._turns:
            turn["at"] = _moment(turn["created_at"])
            turn["is_again"] = turn["parent_id"] in seen
            turn["is_first"] = turn["session"] not in sessions
            seen.add(turn["parent_id"])
            sessions.add(turn["session"])
            turn["user_id"], turn["session"] = UUID(str(turn["user_id"])), UUID(str(turn["session"]))

    def turns(self, start: datetime, end: datetime, group_id: UUID | None = None) -> list[dict[str, Any]]:
        return [
            turn
            for turn in self._turns
            if start <= turn["at"] < end and (group_id is None or group_id in self._groups[turn["user_id"]])
        ]


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def counted(turns: list[dict[str, Any]]) -> dict[str, Any]:
    answers = [turn for turn in turns if turn["status"] == "completed"]
    status, rated = Counter(turn["status"] for turn in turns), Counter(turn["feedback"] for turn in turns)
    grounded = sum(bool(turn["grounded"]) for turn in answers)
    return {
        "messages": sum(not turn["is_again"] for turn in turns),
        "answers": len(answers),
        "sessions": sum(turn["is_first"] for turn in turns),
        "active_users": len({turn["user_id"] for turn in turns}),
        "grounded_rate": pytest.approx(grounded / len(answers)) if answers else None,
        "tokens_in": sum(turn["tokens_in"] or 0 for turn in turns),
        "tokens_out": sum(turn["tokens_out"] or 0 for turn in turns),
        "cost": pytest.approx(sum(turn["cost"] or 0 for turn in turns), abs=1e-6),
        "feedback_up": rated["up"],
        "feedback_down": rated["down"],
        "blocked": status["blocked"],
        "failed": status["failed"],
    }


def by_day(turns: list[dict[str, Any]], zone: ZoneInfo) -> dict[str, dict[str, Any]]:
    days: dict[str, list[dict[str, Any]]] = {}
    for turn in turns:
        days.setdefault(turn["at"].astimezone(zone).date().isoformat(), []).append(turn)
    return {day: counted(asked) for day, asked in days.items()}


def check_quantiles(told: dict[str, int | None], times: list[int]) -> None:
    """Within one per cent of the nearest rank, and half a millisecond of rounding."""
    for name, value in told.items():
        rank = -(-int(name[1:]) * len(times) // 100)
        exact = sorted(times)[max(rank, 1) - 1]
        assert value == pytest.approx(exact, rel=0.0101, abs=0.51), name


async def dashboard(admin: Person, **params: Any) -> Any:
    return await admin.get("/analytics/dashboard", params=params)


@pytest.fixture
async def admin(history: History, platform: Platform) -> Person:
    admin = await platform.sign_up()
    await platform.delivered("analytics.turns")
    return admin


HOUR = timedelta(hours=1)
RANGES = {
    "all of it": (START, END),
    "a day": (START + timedelta(days=3), START + timedelta(days=4)),
    "an hour": (START + timedelta(days=3, hours=10), START + timedelta(days=3, hours=11)),
    "over a midnight": (START + timedelta(days=3, hours=-2), START + timedelta(days=3, hours=11)),
    "with hours at both ends": (START + timedelta(hours=9), END - timedelta(hours=7)),
    "before there was anything": (START - timedelta(days=3), START),
    "ten years": (START - timedelta(days=3650), END),
}


async def test_the_figures_are_those_of_chats_tables(
    settings: Settings, history: History, admin: Person
) -> None:
    books = Books(settings, history)
    await check_ranges(books, history, admin)
    await check_active_people(books, admin)
    for by in ("day", "user", "group", "model", "channel"):
        await check_usage(books, history, admin, by)


async def check_ranges(books: Books, history: History, admin: Person) -> None:
    """Any range, for everybody and for groups, in days of here and of elsewhere."""
    for name, (start, end) in RANGES.items():
        for group_id in (None, *history.groups[:2]):
            for zone in (SEOUL, NEW_YORK):
                told = await dashboard(
                    admin,
                    **{"from": start.isoformat(), "to": end.isoformat(), "time_zone": zone.key},
                    **({"group_id": str(group_id)} if group_id else {}),
                )
                turns = books.turns(start, end, group_id)
                assert told["totals"] == counted(turns), (name, group_id, zone.key)
                series = {day.pop("at"): day for day in told["series"]}
                assert series == by_day(turns, zone), (name, group_id, zone.key)
                answers = [turn for turn in turns if turn["status"] == "completed"]
                for measure in ("first_token", "total") if answers else ():
                    check_quantiles(told["latency_ms"][measure], [turn[f"{measure}_ms"] for turn in answers])


async def check_active_people(books: Books, admin: Person) -> None:
    end = START + timedelta(days=35, hours=15)
    told = await dashboard(admin, **{"from": (end - HOUR).isoformat(), "to": end.isoformat()})
    assert told["active_people"] == {
        name: len({turn["user_id"] for turn in books.turns(end - timedelta(days=days), end)})
        for name, days in (("day", 1), ("week", 7), ("month", 30))
    }


async def check_usage(books: Books, history: History, admin: Person, by: str) -> None:
    start, end = START + timedelta(days=5), START + timedelta(days=25)
    asked = {"by": by, "from": (start + HOUR).isoformat(), "to": (end - HOUR).isoformat(), "limit": 1000}
    told = await admin.get("/analytics/usage", params=asked)
    assert told["range"] == {"from": start.isoformat(), "to": end.isoformat()}
    expected: dict[str, list[dict[str, Any]]] = {}
    for turn in books.turns(start, end):
        keys = {
            "day": [turn["at"].astimezone(SEOUL).date()],
            "user": [turn["user_id"]],
            "group": history.people[turn["user_id"]],
            "model": [turn["model"] or ""],
            "channel": [history.doors[turn["session"]]],
        }
        for key in keys[by]:
            expected.setdefault(str(key), []).append(turn)
    assert {item.pop("key"): item for item in told["items"]} == {
        key: counted(turns) for key, turns in expected.items()
    }


async def test_a_replay_makes_the_same_figures(history: History, platform: Platform, admin: Person) -> None:
    whole = {"from": START.isoformat(), "to": END.isoformat()}
    before = await dashboard(admin, **whole)
    await admin.post("/operations/events/analytics.turns/replay")
    await admin.ask("And now?")  # the replay begins before this is delivered
    await platform.delivered("analytics.turns")
    assert await dashboard(admin, **whole) == before


@pytest.mark.only("sqlite")
async def test_ranges_are_widened_to_full_hours(platform: Platform) -> None:
    admin = await platform.sign_up()
    told = await dashboard(admin, **{"from": "2026-03-01T10:59:59+09:00", "to": "2026-03-01T11:00:01+09:00"})
    assert told["range"] == {"from": "2026-03-01T10:00:00+09:00", "to": "2026-03-01T12:00:00+09:00"}


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Nowhere/Land", "../../etc/passwd"])
async def test_a_zone_whose_days_cannot_be_told_is_refused(platform: Platform, zone: str) -> None:
    admin = await platform.sign_up()
    answer = await admin.call("GET", "/analytics/dashboard", params={"time_zone": zone})
    assert problem_of(answer)[0] == 422


@pytest.mark.only("sqlite")
async def test_a_house_in_a_zone_of_half_hours_has_its_own_days(settings: Settings) -> None:
    analytics = settings.analytics.model_copy(update={"time_zone": ZoneInfo("Asia/Kolkata")})
    async with platform_on(settings.model_copy(update={"analytics": analytics})) as platform:
        admin = await platform.sign_up()
        await admin.ask("Now?")
        await platform.delivered("analytics.turns")
        told = await dashboard(admin)
    assert told["totals"]["messages"] == 1
    assert [day["at"] for day in told["series"]] == [
        datetime.now(ZoneInfo("Asia/Kolkata")).date().isoformat()
    ]
