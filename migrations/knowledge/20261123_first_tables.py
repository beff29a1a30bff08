"""first tables

Revision: 5c5c93172693, after , 2026-11-23 13:29:18.534709
"""

import sqlalchemy as sa
from alembic import op

revision = "5c5c93172693"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge_collection",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_collection")),
        sa.UniqueConstraint("name", name=op.f("uq_knowledge_collection_name")),
    )
    op.create_table(
        "knowledge_collection_group",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["knowledge_collection.id"],
            name=op.f("fk_knowledge_collection_group_collection_id_knowledge_collection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "group_id", name=op.f("pk_knowledge_collection_group")),
    )
    with op.batch_alter_table("knowledge_collection_group", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_knowledge_collection_group_group_id"), ["group_id"], unique=False
        )

    op.create_table(
        "knowledge_document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("passage_count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'ready', 'failed')",
            name=op.f("ck_knowledge_document_status"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["knowledge_collection.id"],
            name=op.f("fk_knowledge_document_collection_id_knowledge_collection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_document")),
    )
    with op.batch_alter_table("knowledge_document", schema=None) as batch_op:
        batch_op.create_index("ix_knowledge_document_collection_id_id", ["collection_id", "id"], unique=False)

    op.create_table(
        "knowledge_passage",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_document.id"],
            name=op.f("fk_knowledge_passage_document_id_knowledge_document"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_passage")),
    )
    with op.batch_alter_table("knowledge_passage", schema=None) as batch_op:
        batch_op.create_index(
            "ix_knowledge_passage_document_id_ordinal", ["document_id", "ordinal"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("knowledge_passage", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_passage_document_id_ordinal")

    op.drop_table("knowledge_passage")
    with op.batch_alter_table("knowledge_document", schema=None) as batch_op:
        batch_op.drop_index("ix_knowledge_document_collection_id_id")

    op.drop_table("knowledge_document")
    with op.batch_alter_table("knowledge_collection_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_knowledge_collection_group_group_id"))

    op.drop_table("knowledge_collection_group")
    op.drop_table("knowledge_collection")
