"""subscriptions that processes share, trimming, events as JSON text

Revision: 3b9d2c6a71e4, after f02af57484ab, 2026-11-24 05:50:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "3b9d2c6a71e4"
down_revision = "f02af57484ab"
branch_labels = None
depends_on = None

# Rows that are there already need a value; later ones get theirs from the code.
CHECKPOINT_DEFAULTS: dict[str, tuple[Any, Any]] = {
    "kind": (sa.String(), "projection"),
    "leased_until": (sa.DateTime(timezone=True), "1970-01-01 00:00:00+00:00"),
    "replay_requested": (sa.Boolean(), sa.false()),
    "retry_requested": (sa.Boolean(), sa.false()),
}
PARKED_DEFAULTS: dict[str, tuple[Any, Any]] = {
    "name": (sa.String(), ""),
    "retry_requested": (sa.Boolean(), sa.false()),
}


def upgrade() -> None:
    op.create_table(
        "event_trimmed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_trimmed")),
    )
    with op.batch_alter_table("event_log", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.alter_column(
            "payload",
            existing_type=sa.JSON(),
            type_=sa.Text(),
            existing_nullable=False,
            postgresql_using="payload::text",
        )
    with op.batch_alter_table("event_checkpoint") as batch_op:
        batch_op.add_column(sa.Column("error", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("leased_by", sa.String(), nullable=True))
    for table, columns in (("event_checkpoint", CHECKPOINT_DEFAULTS), ("event_parked", PARKED_DEFAULTS)):
        with op.batch_alter_table(table) as batch_op:
            for name, (kind, default) in columns.items():
                batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=default))
        with op.batch_alter_table(table) as batch_op:
            for name, (kind, _default) in columns.items():
                batch_op.alter_column(name, existing_type=kind, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("event_parked") as batch_op:
        for name in PARKED_DEFAULTS:
            batch_op.drop_column(name)
    with op.batch_alter_table("event_checkpoint") as batch_op:
        for name in ("error", "leased_by", *CHECKPOINT_DEFAULTS):
            batch_op.drop_column(name)
    with op.batch_alter_table("event_log", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.alter_column(
            "payload",
            existing_type=sa.Text(),
            type_=sa.JSON(),
            existing_nullable=False,
            postgresql_using="payload::json",
        )
    op.drop_table("event_trimmed")
