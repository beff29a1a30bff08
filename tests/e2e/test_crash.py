"""Servers are killed under load, over and over: nothing is lost, nothing has its effect twice, nothing is stuck.

`make test-crash` runs the long form (CRASHES kills an engine); `make test` a short one.
"""

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from src.infrastructure.settings import Settings
from tests.e2e import ledger, library
from tests.e2e.conftest import Server

CRASHES = int(os.environ.get("CRASHES", "2"))

SETTINGS = {
    "SERVER__PAGE": "false",
    "CHAT__MODEL": "null",
    "AUTH__ACCESS_TOKEN_MINUTES": "1000",
    "CHAT__LEASE_SECONDS": "3",
    "EVENTS__LEASE_SECONDS": "1",
    "EVENTS__MAX_ATTEMPTS": "1000",  # a kill is not the event's fault, and here there are many
    "KNOWLEDGE__INGESTION_LEASE_SECONDS": "1",
    "KNOWLEDGE__INGESTION_ATTEMPTS": "1000",  # nor the file's
}


def crash_and_recover(server: Server) -> int:
    """Kill the server at a random moment under load, now and then while it starts, and start it again.

    Returns how often it was killed.
    """
    kills = 1
    time.sleep(random.uniform(0.05, 0.6))
    server.kill()
    while random.random() < 0.2:
        server.begin()
        time.sleep(random.uniform(0.2, 2.5))
        server.kill()
        kills += 1
    server.start()
    return kills


def crash_often(servers: Sequence[Server]) -> int:
    """Crash one of the servers after the other, CRASHES times in all."""
    kills = 0
    while kills < CRASHES:
        kills += crash_and_recover(random.choice(servers))
    return kills


@pytest.mark.only("sqlite")
def test_kills_of_a_server_on_sqlite(tmp_path: Path, settings: Settings) -> None:
    server = Server(tmp_path, DATABASE_URL=settings.database_url, **SETTINGS)
    server.start()
    with ledger.Load([server]) as load:
        kills = crash_often([server])
    ledger.check(load.promises, settings, server)
    server.stop()
    print(f"{kills} kills, {len(load.promises.turns)} turns, {len(load.promises.documents)} documents kept")  # noqa: T201
    assert len(load.promises.turns) >= CRASHES


@pytest.mark.only("postgresql")
def test_kills_of_two_servers_on_one_postgresql(tmp_path: Path, settings: Settings) -> None:
    """One of them at a time, so that the other takes over what it had in hand."""
    servers = [Server(tmp_path, DATABASE_URL=settings.database_url, **SETTINGS) for _ in range(2)]
    for server in servers:
        server.start()
    with ledger.Load(servers) as load:
        kills = crash_often(servers)
    ledger.check(load.promises, settings, servers[0])
    for server in servers:
        server.stop()
    print(f"{kills} kills, {len(load.promises.turns)} turns, {len(load.promises.documents)} documents kept")  # noqa: T201
    assert len(load.promises.turns) >= CRASHES


def test_kills_while_documents_are_uploaded_replaced_and_deleted(
    tmp_path: Path, settings: Settings, engine_name: str
) -> None:
    """Each document is whole afterwards, and no search shows anything of what was replaced or deleted."""
    count = 2 if engine_name == "postgresql" else 1
    servers = [Server(tmp_path, DATABASE_URL=settings.database_url, **SETTINGS) for _ in range(count)]
    for server in servers:
        server.start()
    with library.Library(servers) as papers:
        kills = crash_often(servers)
    library.check(papers, settings, servers[0])
    for server in servers:
        server.stop()
    print(f"{kills} kills, {papers.answered} changes of documents kept")  # noqa: T201
    assert papers.answered >= CRASHES
