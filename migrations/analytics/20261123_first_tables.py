"""first tables

Revision: 89d0966e5f4e, after , 2026-11-23 13:29:21.462540
"""

import sqlalchemy as sa
from alembic import op

revision = "89d0966e5f4e"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analytics_turn",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("grounded", sa.Boolean(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("first_token_ms", sa.Integer(), nullable=True),
        sa.Column("total_ms", sa.Integer(), nullable=True),
        sa.Column("rating", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_analytics_turn")),
        sa.UniqueConstraint("answer_id", name=op.f("uq_analytics_turn_answer_id")),
    )
    with op.batch_alter_table("analytics_turn", schema=None) as batch_op:
        batch_op.create_index("ix_analytics_turn_asked_at_user_id", ["asked_at", "user_id"], unique=False)

    op.create_table(
        "analytics_turn_group",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["analytics_turn.question_id"],
            name=op.f("fk_analytics_turn_group_question_id_analytics_turn"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("question_id", "group_id", name=op.f("pk_analytics_turn_group")),
    )
    with op.batch_alter_table("analytics_turn_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_analytics_turn_group_group_id"), ["group_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("analytics_turn_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_analytics_turn_group_group_id"))

    op.drop_table("analytics_turn_group")
    with op.batch_alter_table("analytics_turn", schema=None) as batch_op:
        batch_op.drop_index("ix_analytics_turn_asked_at_user_id")

    op.drop_table("analytics_turn")
