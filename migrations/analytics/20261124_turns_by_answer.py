"""a row for each answer

A question that is answered again has several answers, and each of them costs.

Revision: 4c7a90d2e815, after 89d0966e5f4e, 2026-11-24 13:00:00.000000
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "4c7a90d2e815"
down_revision = "89d0966e5f4e"
branch_labels = None
depends_on = None

KEPT = (
    "session_id, user_id, asked_at, day, outcome, model, grounded, tokens_in, tokens_out, cost, first_token_ms, "
    "total_ms, rating"
)


def upgrade() -> None:
    _set_aside()
    _create(
        "answer_id",
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("is_again", sa.Boolean(), nullable=False),
    )
    op.execute(
        f"INSERT INTO analytics_turn (answer_id, question_id, is_again, {KEPT}) "  # noqa: S608  # constants
        f"SELECT answer_id, question_id, {_false()}, {KEPT} FROM earlier_turn"
    )
    op.execute(
        "INSERT INTO analytics_turn_group (answer_id, group_id) SELECT answer_id, group_id "
        "FROM earlier_turn_group JOIN earlier_turn USING (question_id)"
    )
    _forget()


def downgrade() -> None:
    _set_aside()
    _create(
        "question_id",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.UniqueConstraint("answer_id", name=op.f("uq_analytics_turn_answer_id")),
    )
    earlier = sa.table("earlier_turn", sa.column("is_again", sa.Boolean()))
    op.execute(sa.delete(earlier).where(earlier.c.is_again))
    op.execute(
        f"INSERT INTO analytics_turn (question_id, answer_id, {KEPT}) "  # noqa: S608  # constants
        f"SELECT question_id, answer_id, {KEPT} FROM earlier_turn"
    )
    op.execute(
        "INSERT INTO analytics_turn_group (question_id, group_id) SELECT question_id, group_id "
        "FROM earlier_turn_group JOIN earlier_turn USING (answer_id)"
    )
    _forget()


def _false() -> str:
    return "false" if op.get_bind().dialect.name == "postgresql" else "0"


def _set_aside() -> None:
    """Copy the rows: the tables are made anew, for their keys change."""
    for name in ("turn", "turn_group"):
        op.execute(f"CREATE TABLE earlier_{name} AS SELECT * FROM analytics_{name}")  # noqa: S608  # constants
    for name in ("analytics_turn_group", "analytics_turn"):
        op.drop_table(name)


def _forget() -> None:
    for name in ("earlier_turn_group", "earlier_turn"):
        op.drop_table(name)


def _create(key: str, *others: sa.Column[Any] | sa.Constraint) -> None:
    op.create_table(
        "analytics_turn",
        sa.Column(key, sa.Uuid(), nullable=False),
        *_columns(others),
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
        sa.PrimaryKeyConstraint(key, name=op.f("pk_analytics_turn")),
        *(each for each in others if isinstance(each, sa.Constraint)),
    )
    op.create_index("ix_analytics_turn_asked_at_user_id", "analytics_turn", ["asked_at", "user_id"])
    op.create_table(
        "analytics_turn_group",
        sa.Column(key, sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            [key],
            [f"analytics_turn.{key}"],
            name=op.f(f"fk_analytics_turn_group_{key}_analytics_turn"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(key, "group_id", name=op.f("pk_analytics_turn_group")),
    )
    op.create_index(op.f("ix_analytics_turn_group_group_id"), "analytics_turn_group", ["group_id"])


def _columns(parts: Sequence[sa.Column[Any] | sa.Constraint]) -> list[sa.Column[Any]]:
    return [each for each in parts if isinstance(each, sa.Column)]
