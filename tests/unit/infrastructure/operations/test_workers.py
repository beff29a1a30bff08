"""Workers tell their figures together; one that is gone or stands still keeps nobody from telling theirs."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from src.infrastructure.operations import workers
from src.infrastructure.operations.workers import Workers


def worker(number: int, folder: Path) -> Workers:
    async def own() -> Iterable[Metric]:
        figure = GaugeMetricFamily("figure", "A figure.", labels=["of"])
        figure.add_metric(["x"], number * 10)
        return [figure]

    return Workers(number, folder, own)


async def told(asked: Workers) -> dict[str, float]:
    return {
        sample.labels["worker"]: sample.value
        for metric in await asked.figures()
        for sample in metric.samples
        if sample.labels["of"] == "x"
    }


async def test_whoever_is_asked_tells_of_all_that_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second ends, the third is killed and leaves its socket, the fourth stands still."""
    monkeypatch.setattr(workers, "SECONDS", 0.2)
    with TemporaryDirectory() as name:  # the path of a socket must be short
        folder = Path(name)
        first, second, third = (worker(number, folder) for number in (1, 2, 3))
        for each in (first, second, third):
            await each.start()
        assert await told(first) == await told(second) == {"1": 10, "2": 20, "3": 30}
        await second.stop()
        assert third._server
        third._server.close()
        stands_still = await asyncio.start_unix_server(lambda _reader, _writer: None, folder / "4.sock")
        assert await told(first) == {"1": 10}
        again = worker(3, folder)
        await again.start()
        assert await told(first) == {"1": 10, "3": 30}
        for server in (first, again):
            await server.stop()
        stands_still.close()
