"""The workers of one server tell their figures together, whichever of them is asked.

Each listens on a socket of its own in a folder that only they share, and answers one connection with its
figures as JSON. Nothing is written while nobody asks, and the figures of a worker that is gone go with it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

log = structlog.get_logger(__name__)

FOLDER = "WORKERS_FOLDER"
"""The environment variable by which a server tells its workers where their sockets are."""
SECONDS = 2.0
"""How long a worker may take to tell its figures; one that stands still is left out."""


class Workers:
    """This process and its siblings; without a folder it has none. `number` tells it from the others."""

    def __init__(
        self, number: int, folder: Path | None, own: Callable[[], Awaitable[Iterable[Metric]]]
    ) -> None:
        self._number = number
        self._folder = folder
        self._own = own
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        if self._folder:
            self._server = await asyncio.start_unix_server(self._tell, self._socket(self._folder))

    async def stop(self) -> None:
        if self._server and self._folder:
            self._server.close()
            self._socket(self._folder).unlink(missing_ok=True)

    async def figures(self) -> list[Metric]:
        """Return the figures of all that answer, each sample with its `worker`."""
        siblings = sorted(self._folder.glob("*.sock")) if self._folder else []
        others = [path for path in siblings if path.stem != str(self._number)]
        told = await asyncio.gather(self._labelled(), *map(_ask, others))
        return [_metric(*family) for families in told for family in families]

    async def _tell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(json.dumps(await self._labelled()).encode())
            await writer.drain()
        finally:
            writer.close()

    async def _labelled(self) -> list[Any]:
        worker = str(self._number)
        return [
            (
                metric.name,
                metric.documentation,
                metric.type,
                [
                    (each.name, {**each.labels, "worker": worker}, each.value)
                    for each in metric.samples
                    if not each.name.endswith("_created")  # as many again, which nobody asks for
                ],
            )
            for metric in await self._own()
        ]

    def _socket(self, folder: Path) -> Path:
        return folder / f"{self._number}.sock"


async def _ask(socket: Path) -> list[Any]:
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                told: list[Any] = json.loads(await reader.read())
            finally:
                writer.close()
    except (OSError, ValueError) as error:  # it has ended, stands still, or ended while it told
        log.warning("worker_silent", worker=socket.stem, error=repr(error))
        return []
    return told


def _metric(name: str, documentation: str, kind: str, samples: Iterable[Any]) -> Metric:
    metric = Metric(name, documentation, kind)
    metric.samples = [Sample(*sample) for sample in samples]
    return metric
