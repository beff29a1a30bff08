"""sums of turns

Turns are made anew from the log, with what the sums need of them.

Revision: c940ea20faeb, after 4c7a90d2e815, 2026-11-24 20:48:10.329116
"""

import sqlalchemy as sa
from alembic import op

revision = "c940ea20faeb"
down_revision = "4c7a90d2e815"
branch_labels = None
depends_on = None

NEW = ("active_person", "bucket", "counted", "feedback", "latency_bin", "session", "usage")


def upgrade() -> None:
    _drop_turns()
    op.create_table(
        "analytics_turn",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("is_again", sa.Boolean(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("grounded", sa.Boolean(), nullable=True),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("first_token_bin", sa.Integer(), nullable=True),
        sa.Column("total_bin", sa.Integer(), nullable=True),
        sa.Column("rating", sa.String(), nullable=True),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_analytics_turn")),
    )
    op.create_index("ix_analytics_turn_asked_at", "analytics_turn", ["asked_at"])
    op.create_index("ix_analytics_turn_session_id", "analytics_turn", ["session_id"])
    op.create_index(
        "ix_analytics_turn_is_changed",
        "analytics_turn",
        ["answer_id"],
        sqlite_where=sa.text("is_changed"),
        postgresql_where=sa.text("is_changed"),
    )
    _create_turn_group()
    op.create_table(
        "analytics_active_person",
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "grain", "group_id", "start", "user_id", name=op.f("pk_analytics_active_person")
        ),
    )
    op.create_table(
        "analytics_bucket",
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("grounded", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("feedback_up", sa.Integer(), nullable=False),
        sa.Column("feedback_down", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "group_id", "start", name=op.f("pk_analytics_bucket")),
    )
    op.create_table(
        "analytics_counted",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("is_timed", sa.Boolean(), nullable=False),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("grounded", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("feedback_up", sa.Integer(), nullable=False),
        sa.Column("feedback_down", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_analytics_counted")),
    )
    op.create_table(
        "analytics_latency_bin",
        sa.Column("grain", sa.String(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "grain", "group_id", "start", "measure", "bin", name=op.f("pk_analytics_latency_bin")
        ),
    )
    op.create_table(
        "analytics_session",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_analytics_session")),
        sa.UniqueConstraint("answer_id", name=op.f("uq_analytics_session_answer_id")),
    )
    op.create_table(
        "analytics_usage",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("grounded", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("feedback_up", sa.Integer(), nullable=False),
        sa.Column("feedback_down", sa.Integer(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "group_id", "day", "user_id", "model", "profile_id", "channel", name=op.f("pk_analytics_usage")
        ),
    )
    op.create_table(
        "analytics_feedback",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rating", sa.String(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_analytics_feedback")),
    )
    op.create_index(op.f("ix_analytics_feedback_session_id"), "analytics_feedback", ["session_id"])
    op.create_index(op.f("ix_analytics_feedback_rated_at"), "analytics_feedback", ["rated_at"])
    _replay()


def downgrade() -> None:
    for name in NEW:
        op.drop_table(f"analytics_{name}")
    _drop_turns()
    op.create_table(
        "analytics_turn",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("is_again", sa.Boolean(), nullable=False),
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
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_analytics_turn")),
    )
    op.create_index("ix_analytics_turn_asked_at_user_id", "analytics_turn", ["asked_at", "user_id"])
    _create_turn_group()
    op.create_index(op.f("ix_analytics_turn_group_group_id"), "analytics_turn_group", ["group_id"])
    _replay()


def _drop_turns() -> None:
    op.drop_table("analytics_turn_group")
    op.drop_table("analytics_turn")


def _create_turn_group() -> None:
    op.create_table(
        "analytics_turn_group",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["analytics_turn.answer_id"],
            name=op.f("fk_analytics_turn_group_answer_id_analytics_turn"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("answer_id", "group_id", name=op.f("pk_analytics_turn_group")),
    )


def _replay() -> None:
    """Have the projection begin anew, where this database has its checkpoint."""
    if sa.inspect(op.get_bind()).has_table("event_checkpoint"):
        checkpoint = sa.table("event_checkpoint", sa.column("name"), sa.column("replay_requested"))
        named = checkpoint.c.name == "analytics.turns"
        op.execute(sa.update(checkpoint).where(named).values(replay_requested=sa.true()))
