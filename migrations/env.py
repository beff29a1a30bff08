"""Alembic's environment: runs one history, given by `migrations/histories.py`, in a transaction."""

from alembic import context

history = context.config.attributes["history"]
connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=history.metadata,
    version_table=history.version_table,
    include_name=lambda name, kind, _parents: kind != "table" or name in history.metadata.tables,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
