"""The database layer on a real SQLite file: group commit, isolation of failures, events with their change."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

import pytest
from sqlalchemy import Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from src.domains.auth.models import Group, SignIn
from src.infrastructure.database import event_log
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import UnsupportedDatabase, database_engine
from src.infrastructure.database.unit_of_work import NothingChanged, UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent, utc_now
from src.shared.exceptions.errors import Unavailable


class GroupMade(DomainEvent):
    name: ClassVar[str] = "test.group_made"
    group: str


INSERT_GROUP = insert(Group.metadata.tables["auth_group"])
RENAME_GROUP = update(Group.metadata.tables["auth_group"]).where(
    Group.metadata.tables["auth_group"].c.name == bindparam("old_name")
)


@pytest.fixture
def published() -> list[DomainEvent]:
    return []


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return database_engine(settings.resolved_database_url, connections=5)


@pytest.fixture
async def database(engine: Engine, published: list[DomainEvent]) -> AsyncIterator[Database]:
    database = Database(engine, published.extend)
    database.start()
    yield database
    await database.stop()


def make(name: str, *, fail: bool = False) -> Callable[[UnitOfWork], str]:
    def make_group(uow: UnitOfWork) -> str:
        uow.session.add(Group(name=name, created_at=utc_now()))
        uow.record(GroupMade(group=name))
        uow.session.flush()
        if fail:
            raise LookupError(name)
        return name

    return make_group


def group_names(uow: UnitOfWork) -> Sequence[str]:
    return uow.session.scalars(select(Group.name).order_by(Group.name)).all()


def logged_names(uow: UnitOfWork) -> list[str]:
    return [
        json.loads(row.payload)["group"]
        for row in event_log.read(uow.connection, 0, ["test.group_made"], 1000)
    ]


async def test_a_change_and_its_event_are_committed_together(
    database: Database, published: list[DomainEvent]
) -> None:
    assert await database.write(make("a")) == "a"
    assert await database.read(group_names) == ["a"]
    assert await database.read(logged_names) == ["a"]
    assert [event.group for event in published] == ["a"]


async def test_a_failure_undoes_its_change_and_its_event_and_nobody_elses(
    database: Database, published: list[DomainEvent]
) -> None:
    """Also when all of them were committed as one batch."""
    writes = [database.write(make(f"g{i}", fail=i % 3 == 0)) for i in range(30)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    kept = [f"g{i}" for i in range(30) if i % 3]
    assert [result for result in results if not isinstance(result, LookupError)] == kept
    assert sum(isinstance(result, LookupError) for result in results) == 10
    assert await database.read(group_names) == sorted(kept)
    assert await database.read(logged_names) == kept
    assert [event.group for event in published] == kept


async def test_a_broken_constraint_fails_its_own_unit_of_work_alone(database: Database) -> None:
    results = await asyncio.gather(
        *(database.write(make(name)) for name in ("a", "a", "b")), return_exceptions=True
    )
    assert [type(result) for result in results] == [str, IntegrityError, str]
    assert await database.read(group_names) == ["a", "b"]


async def test_fifty_writers_at_once_all_succeed(database: Database) -> None:
    await asyncio.gather(*(database.write(make(f"{i:03}")) for i in range(50)))
    assert len(await database.read(group_names)) == 50


async def test_a_reader_does_not_see_what_is_not_committed(database: Database) -> None:
    seen: list[Sequence[str]] = []

    def write_and_look(uow: UnitOfWork) -> None:
        make("a")(uow)
        with database._engine.connect() as connection:
            seen.append(group_names(UnitOfWork(connection)))

    await database.write(write_and_look)
    assert seen == [[]]
    assert await database.read(group_names) == ["a"]


async def test_a_stop_finishes_what_waits(engine: Engine) -> None:
    database = Database(engine, lambda _events: None)
    database.start()
    writes = [asyncio.ensure_future(database.write(make(f"{i:03}"))) for i in range(20)]
    await asyncio.sleep(0)
    await database.stop()
    assert len(await asyncio.gather(*writes)) == 20


async def test_more_writes_than_the_bound_are_refused(engine: Engine) -> None:
    database = Database(engine, lambda _events: None, max_waiting=2)
    waiting = [asyncio.ensure_future(database.write(make(f"{i}"))) for i in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await database.write(make("one too many"))
    database.start()
    assert await asyncio.gather(*waiting) == ["0", "1"]
    await database.stop()


async def test_a_caller_that_gives_up_does_not_disturb_the_others(database: Database) -> None:
    impatient = asyncio.ensure_future(database.write(make("a")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await database.write(make("b")) == "b"


@pytest.mark.parametrize("url", ["sqlite://", "mysql://x"])
def test_a_database_that_is_no_sqlite_file_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedDatabase):
        database_engine(url)


def defer_group(name: str) -> Callable[[UnitOfWork], None]:
    def defer(uow: UnitOfWork) -> None:
        uow.defer(INSERT_GROUP, {"id": uuid7(), "name": name, "created_at": utc_now()})
        uow.record(GroupMade(group=name))

    return defer


def defer_rename(name: str, new_name: str) -> Callable[[UnitOfWork], None]:
    def defer(uow: UnitOfWork) -> None:
        uow.defer(RENAME_GROUP, {"old_name": name, "name": new_name}, must_match=True)
        uow.record(GroupMade(group=new_name))

    return defer


async def test_deferred_rows_are_saved_with_their_events(database: Database) -> None:
    await asyncio.gather(*(database.write(defer_group(f"{number:02}")) for number in range(20)))
    assert await database.read(group_names) == [f"{number:02}" for number in range(20)]
    assert len(await database.read(logged_names)) == 20


async def test_a_deferred_row_that_is_refused_undoes_its_own_unit_of_work_alone(database: Database) -> None:
    results = await asyncio.gather(
        *(database.write(defer_group(name)) for name in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), type(None), IntegrityError, type(None)]
    assert await database.read(group_names) == ["a", "b", "c"]
    assert await database.read(logged_names) == ["a", "b", "c"]


async def test_a_deferred_update_that_meets_no_row_undoes_its_own_unit_of_work_alone(
    database: Database,
) -> None:
    await asyncio.gather(*(database.write(defer_group(name)) for name in ("a", "b")))
    renames = [defer_rename("a", "x"), defer_rename("nobody", "y"), defer_rename("b", "z")]
    results = await asyncio.gather(*map(database.write, renames), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), NothingChanged, type(None)]
    assert await database.read(group_names) == ["x", "z"]
    assert "y" not in await database.read(logged_names)


async def test_deferred_parents_are_saved_before_their_children(database: Database) -> None:
    def defer(uow: UnitOfWork) -> None:
        user_id, now = uuid7(), utc_now()
        sign_in = {
            "id": uuid7(),
            "user_id": user_id,
            "family_hash": b"x",
            "refresh_hash": b"x",
            "created_at": now,
            "refreshed_at": now,
            "expires_at": now,
            "address": "",
            "user_agent": "",
        }
        user = {
            "id": user_id,
            "email": "a",
            "name": "a",
            "password_hash": "",
            "role": "user",
            "is_active": True,
        }
        uow.defer(insert(SignIn.metadata.tables["auth_sign_in"]), sign_in)
        uow.defer(insert(SignIn.metadata.tables["auth_user"]), {**user, "created_at": now})

    await database.write(defer)
    assert len(await database.read(lambda uow: uow.session.scalars(select(SignIn)).all())) == 1


async def test_questions_of_one_kind_that_wait_are_answered_together_and_in_order(engine: Engine) -> None:
    asked: list[Sequence[int]] = []

    def double(_uow: UnitOfWork, numbers: Sequence[int]) -> list[int]:
        asked.append(numbers)
        return [number * 2 for number in numbers]

    database = Database(engine, lambda _events: None, readers=1)
    answering = [asyncio.ensure_future(database.read_together(double, number)) for number in range(10)]
    await asyncio.sleep(0)
    database.start()
    assert await asyncio.gather(*answering) == [number * 2 for number in range(10)]
    assert len(asked) < 10
    await database.stop()


async def test_a_question_that_fails_fails_no_other(engine: Engine) -> None:
    def invert(uow: UnitOfWork, numbers: Sequence[int]) -> list[float]:
        uow.connection.exec_driver_sql("SELECT 1")
        return [1 / number for number in numbers]

    database = Database(engine, lambda _events: None, readers=1)
    answering = [asyncio.ensure_future(database.read_together(invert, number)) for number in (1, 0, 2)]
    others = asyncio.ensure_future(database.read(group_names))
    await asyncio.sleep(0)
    database.start()
    results = await asyncio.gather(*answering, return_exceptions=True)
    assert (results[0], type(results[1]), results[2]) == (1, ZeroDivisionError, 0.5)
    assert await others == []
    await database.stop()


async def test_a_read_sees_one_state_of_the_database(database: Database) -> None:
    """Also while others write."""
    await database.write(make("a"))
    looked, may_look_again = threading.Event(), threading.Event()

    def look_twice(uow: UnitOfWork) -> tuple[Sequence[str], Sequence[str]]:
        first = group_names(uow)
        looked.set()
        assert may_look_again.wait(timeout=20)
        return first, group_names(uow)

    reading = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(looked.wait, 20)
    await database.write(make("b"))
    may_look_again.set()
    assert await reading == (["a"], ["a"])
    assert await database.read(group_names) == ["a", "b"]
