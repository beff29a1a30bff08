"""budgets

Revision: 4d0b6a92c7e1, after b2d8e04c7a91, 2026-11-24 12:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "4d0b6a92c7e1"
down_revision = "b2d8e04c7a91"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_budget",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("day_tokens", sa.BigInteger(), nullable=True),
        sa.Column("day_cost", sa.BigInteger(), nullable=True),
        sa.Column("month_tokens", sa.BigInteger(), nullable=True),
        sa.Column("month_cost", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scope IN ('default', 'platform', 'user', 'group')", name="ck_chat_budget_scope"),
        sa.PrimaryKeyConstraint("id", name="pk_chat_budget"),
        sa.UniqueConstraint("scope", "subject_id", name="uq_chat_budget_scope"),
    )
    op.create_table(
        "chat_budget_account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tokens_used", sa.BigInteger(), nullable=False),
        sa.Column("cost_used", sa.BigInteger(), nullable=False),
        sa.Column("tokens_reserved", sa.BigInteger(), nullable=False),
        sa.Column("cost_reserved", sa.BigInteger(), nullable=False),
        sa.Column("told_nearly_used", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_chat_budget_account"),
    )
    op.create_index("ix_chat_budget_account_ends_at", "chat_budget_account", ["ends_at"])
    op.create_table(
        "chat_reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("accounts", sa.JSON(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chat_reservation"),
    )
    op.create_index("ix_chat_reservation_leased_until", "chat_reservation", ["leased_until"])


def downgrade() -> None:
    op.drop_table("chat_reservation")
    op.drop_table("chat_budget_account")
    op.drop_table("chat_budget")
