"""branches, profiles, shares and keys of requests

Revision: b2d8e04c7a91, after 9c4e1f7a52d0, 2026-11-24 12:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "b2d8e04c7a91"
down_revision = "9c4e1f7a52d0"
branch_labels = None
depends_on = None

EMPTY_LIST = sa.text("'[]'")
PARENTS = """
UPDATE chat_message SET parent_id = earlier.parent_id
FROM (SELECT id, lag(id) OVER (PARTITION BY session_id ORDER BY id) AS parent_id FROM chat_message) AS earlier
WHERE earlier.id = chat_message.id
"""
LEAVES = """
UPDATE chat_session SET leaf_id = (
    SELECT id FROM chat_message WHERE session_id = chat_session.id ORDER BY id DESC LIMIT 1
)
"""


def _status(*allowed: str) -> str:
    return f"status IN ({', '.join(repr(each) for each in allowed)})"


def upgrade() -> None:
    _change_sessions()
    _change_messages()
    op.execute(PARENTS)
    op.execute(LEAVES)
    _create_tables()


def _change_sessions() -> None:
    for column in (
        sa.Column("channel", sa.String(), nullable=False, server_default="chat"),
        sa.Column("title_is_automatic", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("profile_id", sa.Uuid(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("leaf_id", sa.Uuid(), nullable=True),
        sa.Column("is_temporary", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("chat_session", column)
    op.drop_index("ix_chat_session_user_id_id", "chat_session")
    op.create_index("ix_chat_session_user_id_updated_at", "chat_session", ["user_id", "updated_at"])


def _change_messages() -> None:
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_chat_message_status"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_chat_message_status"),
            _status("pending", "completed", "stopped", "failed", "interrupted"),
        )
        batch_op.drop_column("question_id")
        for column in (
            sa.Column("parent_id", sa.Uuid(), nullable=True),
            sa.Column("stop_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("failed_models", sa.JSON(), nullable=False, server_default=EMPTY_LIST),
            sa.Column("finish_reason", sa.String(), nullable=True),
            sa.Column("searched_for", sa.String(), nullable=True),
            sa.Column("tool_calls", sa.JSON(), nullable=False, server_default=EMPTY_LIST),
            sa.Column("summary", sa.String(), nullable=True),
        ):
            batch_op.add_column(column)
        batch_op.create_index("ix_chat_message_parent_id", ["parent_id"])
    with op.batch_alter_table("chat_message") as batch_op:
        for name in ("failed_models", "tool_calls"):
            batch_op.alter_column(name, existing_type=sa.JSON(), server_default=None)


def _create_tables() -> None:
    op.create_table(
        "chat_profile",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("system_prompt", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("temperature", sa.Double(), nullable=True),
        sa.Column("collection_ids", sa.JSON(), nullable=False),
        sa.Column("group_ids", sa.JSON(), nullable=False),
        sa.Column("without_sources", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "without_sources IN ('say_so', 'answer')", name=op.f("ck_chat_profile_without_sources")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_profile")),
        sa.UniqueConstraint("name", name=op.f("uq_chat_profile_name")),
    )
    op.create_table(
        "chat_cited_document",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["chat_message.id"],
            name=op.f("fk_chat_cited_document_message_id_chat_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "document_id", name=op.f("pk_chat_cited_document")),
    )
    op.create_index("ix_chat_cited_document_document_id", "chat_cited_document", ["document_id"])
    op.create_table(
        "chat_deleted_document",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_chat_deleted_document")),
    )
    op.create_table(
        "chat_share",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("leaf_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["chat_session.id"],
            name=op.f("fk_chat_share_session_id_chat_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_chat_share")),
        sa.UniqueConstraint("token", name=op.f("uq_chat_share_token")),
    )
    op.create_table(
        "chat_idempotency_key",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_chat_idempotency_key")),
    )
    op.create_index("ix_chat_idempotency_key_created_at", "chat_idempotency_key", ["created_at"])


def downgrade() -> None:
    for table in ("idempotency_key", "share", "deleted_document", "cited_document", "profile"):
        op.drop_table(f"chat_{table}")
    op.execute("UPDATE chat_message SET status = 'interrupted' WHERE status = 'stopped'")
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.add_column(sa.Column("question_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE chat_message SET question_id = parent_id WHERE role = 'assistant'")
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.drop_index("ix_chat_message_parent_id")
        for name in (
            "summary",
            "tool_calls",
            "searched_for",
            "finish_reason",
            "failed_models",
            "stop_requested",
            "parent_id",
        ):
            batch_op.drop_column(name)
        batch_op.drop_constraint(batch_op.f("ck_chat_message_status"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_chat_message_status"), _status("pending", "completed", "failed", "interrupted")
        )
    op.drop_index("ix_chat_session_user_id_updated_at", "chat_session")
    op.create_index("ix_chat_session_user_id_id", "chat_session", ["user_id", "id"])
    for name in (
        "deleted_at",
        "pinned_at",
        "is_temporary",
        "leaf_id",
        "model",
        "profile_id",
        "title_is_automatic",
        "channel",
    ):
        op.drop_column("chat_session", name)
