"""vectors of passages

Revision: 8c41d2f07be3, after 3f1d7b6c9a24, 2026-11-24 09:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "8c41d2f07be3"
down_revision = "3f1d7b6c9a24"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_passage_vector",
        sa.Column("passage_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["passage_id"],
            ["knowledge_passage.id"],
            name=op.f("fk_knowledge_passage_vector_passage_id_knowledge_passage"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("passage_id", "model", name=op.f("pk_knowledge_passage_vector")),
    )
    op.add_column("knowledge_document_version", sa.Column("embedded_by", sa.String(), nullable=True))
    op.add_column(
        "knowledge_document_version", sa.Column("embedding_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_knowledge_document_version_embedded_by_id", "knowledge_document_version", ["embedded_by", "id"]
    )


def downgrade() -> None:
    op.drop_index("ix_knowledge_document_version_embedded_by_id", "knowledge_document_version")
    op.drop_column("knowledge_document_version", "embedding_until")
    op.drop_column("knowledge_document_version", "embedded_by")
    op.drop_table("knowledge_passage_vector")
