"""Fixtures that every kind of test shares: a migrated database and a platform on it.

Whatever uses `settings` runs on SQLite and on PostgreSQL; `@pytest.mark.only("sqlite")` names an exception.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from src.infrastructure.logging import configure_logging
from src.infrastructure.settings import (
    EventSettings,
    KnowledgeSettings,
    LimitSettings,
    ServerSettings,
    Settings,
)
from tests.builders import Platform, platform_on
from tests.databases import migrate, new_database, postgresql_server

configure_logging("console")

ENGINES = ("sqlite", "postgresql")
UNMET = LimitSettings(**dict.fromkeys(("user", "api_key", "questions", "address", "sign_in"), 1_000_000))
"""Tests ask faster than people; those of the limits set their own."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the engines that a test is not for."""
    unwanted = [item for item in items if not _is_for_its_engine(item)]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if item not in unwanted]


def _is_for_its_engine(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("only")
    callspec = getattr(item, "callspec", None)
    return not marker or not callspec or callspec.params.get("engine_name") in marker.args


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, made by the migrations once; tests work on copies."""
    path = tmp_path_factory.mktemp("template") / "platform.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """A PostgreSQL server that all test processes share."""
    base = tmp_path_factory.getbasetemp()
    return postgresql_server((base if worker_id == "master" else base.parent) / "postgresql")


@pytest.fixture(scope="session")
def migrated_template(postgresql: str) -> Iterator[str]:
    """The name of a PostgreSQL database with the newest schema, made once; tests work on copies."""
    with new_database(postgresql) as url:
        migrate(url)
        yield str(make_url(url).database)


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    if engine_name == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "platform.db")
        yield f"sqlite:///{tmp_path / 'platform.db'}"
    else:
        template = request.getfixturevalue("migrated_template")
        with new_database(request.getfixturevalue("postgresql"), template) as url:
            yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        server=ServerSettings(page=False, one_core=False),
        limits=UNMET,
        events=EventSettings(poll_seconds=0.05, gather_seconds=0),
        knowledge=KnowledgeSettings(embeddings="none"),  # seconds of computing: the tests of it ask for it
    )


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """The whole platform in this process, reached through its HTTP API."""
    async with platform_on(settings) as platform:
        yield platform
