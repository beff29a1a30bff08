"""files of sessions

Revision: d5b0f3a92c68, after 8c41d2f07be3, 2026-11-24 13:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "d5b0f3a92c68"
down_revision = "8c41d2f07be3"
branch_labels = None
depends_on = None

INDEX = "ix_knowledge_collection_owner_id_session_id"


def upgrade() -> None:
    for name in ("owner_id", "session_id"):
        op.add_column("knowledge_collection", sa.Column(name, sa.Uuid(), nullable=True))
    op.create_index(INDEX, "knowledge_collection", ["owner_id", "session_id"], unique=True)


def downgrade() -> None:
    """Delete what people have put into their sessions: without an owner it would be open to everyone."""
    op.execute("DELETE FROM knowledge_collection WHERE owner_id IS NOT NULL")
    op.drop_index(INDEX, "knowledge_collection")
    for name in ("owner_id", "session_id"):
        op.drop_column("knowledge_collection", name)
