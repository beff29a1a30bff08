"""first tables

Revision: 49e3d1b2da59, after , 2026-11-23 13:29:17.227634
"""

import sqlalchemy as sa
from alembic import op

revision = "49e3d1b2da59"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auth_group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_group")),
        sa.UniqueConstraint("name", name=op.f("uq_auth_group_name")),
    )
    op.create_table(
        "auth_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'user')", name=op.f("ck_auth_user_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_user")),
        sa.UniqueConstraint("email", name=op.f("uq_auth_user_email")),
    )
    op.create_table(
        "auth_membership",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["auth_group.id"],
            name=op.f("fk_auth_membership_group_id_auth_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["auth_user.id"],
            name=op.f("fk_auth_membership_user_id_auth_user"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_auth_membership")),
    )
    with op.batch_alter_table("auth_membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auth_membership_group_id"), ["group_id"], unique=False)

    op.create_table(
        "auth_sign_in",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth_user.id"], name=op.f("fk_auth_sign_in_user_id_auth_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_sign_in")),
        sa.UniqueConstraint("refresh_hash", name=op.f("uq_auth_sign_in_refresh_hash")),
    )
    with op.batch_alter_table("auth_sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auth_sign_in_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_auth_sign_in_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("auth_sign_in", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_sign_in_user_id"))
        batch_op.drop_index(batch_op.f("ix_auth_sign_in_ended_at"))

    op.drop_table("auth_sign_in")
    with op.batch_alter_table("auth_membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_membership_group_id"))

    op.drop_table("auth_membership")
    op.drop_table("auth_user")
    op.drop_table("auth_group")
