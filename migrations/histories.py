"""The histories of the schema, one for each domain and one for the infrastructure, and what is done with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData

from src.domains.analytics.models import AnalyticsRecord
from src.domains.auth.models import AuthRecord
from src.domains.chat.models import ChatRecord
from src.domains.knowledge.models import KnowledgeRecord
from src.infrastructure.database.checkpoints import Checkpoint
from src.infrastructure.database.unit_of_work import UnitOfWork

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class History:
    """The migrations of one owner of tables, with a version table of its own."""

    name: str
    metadata: MetaData

    @property
    def version_table(self) -> str:
        return f"{self.name}_version"


# Checkpoint stands for the tables beside the log: importing its module puts them into the metadata.
HISTORIES = {
    history.name: history
    for history in (
        History("infrastructure", Checkpoint.metadata),
        History("auth", AuthRecord.metadata),
        History("knowledge", KnowledgeRecord.metadata),
        History("chat", ChatRecord.metadata),
        History("analytics", AnalyticsRecord.metadata),
    )
}


def upgrade(engine: Engine) -> None:
    """Bring every history to its newest revision."""
    for history in HISTORIES.values():
        _run(engine, history, lambda config: command.upgrade(config, "heads"))


def downgrade(engine: Engine, history: History, revision: str = "-1") -> None:
    """Take one history back, by default by one revision."""
    _run(engine, history, lambda config: command.downgrade(config, revision))


def check(engine: Engine) -> None:
    """Raise alembic's `CommandError` when a model differs from what the migrations make."""
    for history in HISTORIES.values():
        _run(engine, history, command.check)


def write_revision(engine: Engine, history: History, message: str) -> None:
    """Write a new revision with the difference between the models and the database."""
    _run(engine, history, lambda config: command.revision(config, message, autogenerate=True))


def pending(connection: Connection) -> list[str]:
    """Return the names of the histories that are not at their newest revision."""
    return [name for name, heads in current(connection).items() if set(heads) != set(_newest(name))]


def current(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return the revisions that each history is at; none where it has not begun."""
    return {history.name: _current(connection, history) for history in HISTORIES.values()}


def unknown(heads: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of the histories that are at a revision which these migrations do not have."""
    return [name for name, revisions in heads.items() if not set(revisions) <= _revisions(name)]


def _current(connection: Connection, history: History) -> tuple[str, ...]:
    context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
    return context.get_current_heads()


@cache
def _newest(name: str) -> list[str]:
    """Return a history's newest revisions; read once, for readiness is asked for often."""
    return ScriptDirectory.from_config(_config(HISTORIES[name])).get_heads()


def _revisions(name: str) -> set[str]:
    """Return every revision of a history, none when there is no such history."""
    if name not in HISTORIES:
        return set()
    scripts = ScriptDirectory.from_config(_config(HISTORIES[name]))
    return {script.revision for script in scripts.walk_revisions()}


def _config(history: History) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("version_locations", str(FOLDER / history.name))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    return config


def _run(engine: Engine, history: History, action: Callable[[Config], object]) -> None:
    config = _config(history)
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        UnitOfWork(connection).lock("migrations")
        config.attributes.update(history=history, connection=connection)
        action(config)
