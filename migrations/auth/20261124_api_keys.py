"""api keys

Revision: 7e90c4b8d315, after 49e3d1b2da59, 2026-11-24 13:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "7e90c4b8d315"
down_revision = "49e3d1b2da59"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auth_api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_api_key_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_auth_api_key_key_hash")),
    )
    op.create_index("ix_auth_api_key_user_id", "auth_api_key", ["user_id"])


def downgrade() -> None:
    op.drop_table("auth_api_key")
