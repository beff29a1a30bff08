"""PostgreSQL's LISTEN: hears what other server processes append, and wakes this one's subscriptions.

It only wakes: whatever a lost connection misses, polling finds.
"""

import asyncio
from collections.abc import Callable, Collection

import psycopg
import structlog
from sqlalchemy import Engine

from src.infrastructure.database.event_log import CHANNEL

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 1.0


class Notifications:
    """Listens on a connection of its own, and connects anew when that is lost."""

    def __init__(
        self, engine: Engine, process_id: str, wake_listeners: Callable[[Collection[str]], None]
    ) -> None:
        self._address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._process_id = process_id
        self._wake_listeners = wake_listeners
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="database-notifications")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.warning("notifications_lost", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for notification in connection.notifies():
                publisher, _, names = notification.payload.partition(":")
                if publisher != self._process_id:
                    self._wake_listeners(names.split(","))
