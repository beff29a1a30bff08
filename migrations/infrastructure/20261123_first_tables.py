"""first tables

Revision: f02af57484ab, after , 2026-11-23 13:29:16.075755
"""

import sqlalchemy as sa
from alembic import op

revision = "f02af57484ab"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_checkpoint",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_checkpoint")),
    )
    op.create_table(
        "event_log",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_event_log")),
        sa.UniqueConstraint("event_id", name=op.f("uq_event_log_event_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("event_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_log_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "event_parked",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_parked")),
    )
    with op.batch_alter_table("event_parked", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_parked_subscription"), ["subscription"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("event_parked", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_parked_subscription"))

    op.drop_table("event_parked")
    with op.batch_alter_table("event_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_log_subject_id"))

    op.drop_table("event_log")
    op.drop_table("event_checkpoint")
