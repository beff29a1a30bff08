"""The log's order: what is committed later stands later, so no reader steps over what is still open."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select
from uuid_utils.compat import uuid7

from src.domains.auth.models import Group
from src.infrastructure.database import event_log
from src.infrastructure.database.event_log import EVENT_LOG
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.chat import ChatMessageReceived
from tests.houses import Counted, House, note_as_group, projecting, running


@pytest.fixture
async def houses(settings: Settings) -> AsyncIterator[tuple[House, House]]:
    """Two processes' parts of one database."""
    pair = House(settings), House(settings)
    for house in pair:
        house.database.start()
    yield pair
    for house in pair:
        await house.database.stop()


@pytest.mark.only("postgresql")
async def test_a_transaction_that_stays_open_is_never_stepped_over(settings: Settings) -> None:
    """The second to append waits for the first to commit, so a reader meets both, whoever began first.

    What would happen without the lock is shown beside it: the position that was given first is committed last.
    """
    async with running(settings, projecting()) as house:
        slow = house.engine.connect()
        begun = slow.begin()
        event_log.append(slow, [Counted(number=1)], "slow")  # has its position and the lock, is not committed
        quick = asyncio.ensure_future(house.record(2))
        await house.delivered("p")
        assert await house.groups() == []
        assert not quick.done()
        begun.commit()
        slow.close()
        await quick
        await house.delivered("p")
        assert await house.groups() == ["0001", "0002"]


@pytest.mark.only("postgresql")
async def test_without_the_lock_positions_are_not_in_the_order_of_commits(settings: Settings) -> None:
    """The fault that the lock is for: a reader that saw 2 would never look for 1 again."""
    house = House(settings)
    rows = [event_log._row(Counted(number=number)) for number in (1, 2)]
    with house.engine.connect() as slow, house.engine.connect() as quick, house.engine.connect() as reader:
        slow.execute(insert(EVENT_LOG), rows[:1])
        quick.execute(insert(EVENT_LOG), rows[1:])
        quick.commit()
        [seen] = event_log.read(reader, 0, [Counted.name], 10)
        reader.rollback()
        slow.commit()
        stepped_over, again = event_log.read(reader, 0, [Counted.name], 10)
    assert again == seen
    assert stepped_over.position < seen.position
    house.engine.dispose()


async def test_writers_of_two_processes_append_in_the_order_of_their_commits(
    houses: tuple[House, House],
) -> None:
    """A reader that follows the log while both write meets every event exactly once."""
    writing = [
        asyncio.ensure_future(house.record(*range(start, start + 3)))
        for start in range(0, 180, 6)
        for house, start in ((houses[0], start), (houses[1], start + 3))
    ]
    seen: list[int] = []
    position = 0
    while len(seen) < 180:
        page = await houses[0].database.read(
            lambda uow: event_log.read(uow.connection, position, [Counted.name], 10)  # noqa: B023  # awaited here
        )
        seen += [event.position for event in page]
        position = seen[-1] if seen else 0
        await asyncio.sleep(0)
    await asyncio.gather(*writing)
    assert seen == sorted(set(seen))


async def test_what_is_looked_up_under_a_lock_holds_until_the_commit(houses: tuple[House, House]) -> None:
    """Of many who add a group only where there is none, in two processes, one does."""

    def add_the_only_group(uow: UnitOfWork) -> bool:
        uow.lock("test")
        if uow.session.scalar(select(func.count()).select_from(Group)):
            return False
        note_as_group(uow, Counted(number=uuid4().int % 10_000))
        return True

    added = await asyncio.gather(
        *(house.database.write(add_the_only_group, alone=True) for house in houses for _ in range(10))
    )
    assert added.count(True) == 1


async def test_redaction_empties_peoples_text_and_nothing_else(houses: tuple[House, House]) -> None:
    session_id = uuid7()
    question = {"session_id": session_id, "message_id": uuid7(), "answer_id": uuid7(), "user_id": uuid7()}
    asked = ChatMessageReceived(**question, group_ids=(), message="secret 비밀")
    database = houses[0].database
    await database.write(lambda uow: uow.record(asked))
    await database.write(lambda uow: uow.redact(session_id))
    [logged] = await database.read(lambda uow: event_log.read(uow.connection, 0, [asked.name], 1))
    assert ChatMessageReceived.model_validate_json(logged.payload) == asked.model_copy(update={"message": ""})
