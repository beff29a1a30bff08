"""leases of pending answers

Revision: 9c4e1f7a52d0, after 7d71c7ae67e7, 2026-11-24 06:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "9c4e1f7a52d0"
down_revision = "7d71c7ae67e7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.add_column(sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.drop_column("leased_until")
