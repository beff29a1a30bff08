"""Migrations are the only way a schema is made, and they agree with the models."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from migrations import histories
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings
from tests.builders import platform_on

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = database_engine(settings.resolved_database_url)
    yield engine
    engine.dispose()


def counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of every table but the version tables."""
    with engine.connect() as connection:
        tables = [name for name in inspect(connection).get_table_names() if not name.endswith("_version")]
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in tables
        }


def test_models_and_migrations_agree(engine: Engine) -> None:
    histories.check(engine)


async def test_every_history_goes_down_and_up_again_with_rows_in_the_tables(
    settings: Settings, engine: Engine
) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        await admin.create_group("Sales")
        await admin.upload_and_wait(await admin.create_collection(), "a.txt", b"The code is seven.")
        await admin.ask("What is the code?")
        await platform.delivered("analytics.turns")
    before = counts(engine)
    for history in histories.HISTORIES.values():
        own = {name for name in before if name in history.metadata.tables}
        histories.downgrade(engine, history, "base")
        assert not own & set(counts(engine))
        with closing(engine.connect()) as connection:
            assert histories.pending(connection) == [history.name]
        histories.upgrade(engine)
        after = counts(engine)
        assert {name: after[name] for name in own} == dict.fromkeys(own, 0)
        assert {name: after[name] for name in before if name not in own} == {
            name: before[name] for name in before if name not in own
        }
        before = after


def test_a_history_sees_its_own_tables_alone() -> None:
    owners = [name for history in histories.HISTORIES.values() for name in history.metadata.tables]
    assert len(owners) == len(set(owners))
    for history in histories.HISTORIES.values():
        prefix = "event" if history.name == "infrastructure" else history.name
        assert all(name.startswith(f"{prefix}_") for name in history.metadata.tables)


def test_the_command_line_migrates_rolls_back_and_writes_a_revision(tmp_path: Path) -> None:
    """In a copy of the code, as `make migrate`, `make rollback` and `make migration` do."""
    for folder in ("src", "migrations"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "migrations", *arguments], cwd=tmp_path, check=True)

    run("upgrade")
    engine = database_engine(f"sqlite:///{tmp_path / 'data' / 'platform.db'}")

    def columns(table: str) -> set[str]:
        return {column["name"] for column in inspect(engine).get_columns(table)}

    run("downgrade", "--domain", "chat")
    assert "leased_until" not in columns("chat_message")
    run("upgrade")
    assert "leased_until" in columns("chat_message")
    models = tmp_path / "src" / "domains" / "chat" / "models.py"
    title = "    title: Mapped[str]\n"
    models.write_text(models.read_text().replace(title, f"{title}    mood: Mapped[str | None]\n"))
    run("revision", "--domain", "chat", "--message", "add a mood")
    [written] = (tmp_path / "migrations" / "chat").glob("*_add_a_mood.py")
    assert "sa.Column('mood', sa.String(), nullable=True)" in written.read_text()
    run("upgrade")
    assert "mood" in columns("chat_session")
    engine.dispose()
