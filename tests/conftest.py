"""Fixtures that every kind of test shares: a migrated database and a platform on it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from migrations import histories
from src.infrastructure.database.engine import sqlite_engine
from src.infrastructure.logging import configure_logging
from src.infrastructure.settings import EventSettings, ServerSettings, Settings
from tests.builders import Platform, platform_on

configure_logging("console")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, made by the migrations once; tests work on copies."""
    path = tmp_path_factory.mktemp("template") / "platform.db"
    engine = sqlite_engine(f"sqlite:///{path}")
    histories.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    shutil.copy(migrated_file, tmp_path / "platform.db")
    return Settings(
        data_dir=tmp_path,
        server=ServerSettings(page=False),
        events=EventSettings(poll_seconds=0.05, gather_seconds=0),
    )


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """The whole platform in this process, reached through its HTTP API."""
    async with platform_on(settings) as platform:
        yield platform
