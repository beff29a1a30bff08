"""The histories of the schema, one for each domain and one for the infrastructure, and what is done with them."""

from collections.abc import Callable
from dataclasses import dataclass
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
    return [history.name for history in HISTORIES.values() if not _is_current(connection, history)]


def _is_current(connection: Connection, history: History) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": history.version_table})
    newest = ScriptDirectory.from_config(_config(history)).get_heads()
    return set(context.get_current_heads()) == set(newest)


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
