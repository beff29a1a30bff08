"""roles

Revision: d8b37c6e1f02, after c1f5a0d9b2e4, 2026-11-24 15:10:00.000000
"""

from alembic import op

revision = "d8b37c6e1f02"
down_revision = "c1f5a0d9b2e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("role IN ('admin', 'editor', 'user', 'pending')")


def downgrade() -> None:
    op.execute("UPDATE auth_user SET role = 'user', is_active = false WHERE role = 'pending'")
    op.execute("UPDATE auth_user SET role = 'user' WHERE role = 'editor'")
    _allow("role IN ('admin', 'user')")


def _allow(condition: str) -> None:
    with op.batch_alter_table("auth_user") as batch:
        batch.drop_constraint(op.f("ck_auth_user_role"), type_="check")
        batch.create_check_constraint(op.f("ck_auth_user_role"), condition)
