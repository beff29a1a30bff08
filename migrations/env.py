"""Alembic's environment: runs one history, given by `migrations/histories.py`, in a transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from src.infrastructure.database.base import UtcDateTime

history = context.config.attributes["history"]
connection = context.config.attributes["connection"]


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Write our column types as SQLAlchemy's own, so that a revision does not depend on today's code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=connection,
    target_metadata=history.metadata,
    version_table=history.version_table,
    include_name=lambda name, kind, _parents: kind != "table" or name in history.metadata.tables,
    render_item=render_item,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
