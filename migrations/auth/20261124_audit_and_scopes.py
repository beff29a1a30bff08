"""audit and scopes

Revision: c1f5a0d9b2e4, after 7e90c4b8d315, 2026-11-24 15:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "c1f5a0d9b2e4"
down_revision = "7e90c4b8d315"
branch_labels = None
depends_on = None

SQLITE = (
    """
    CREATE TRIGGER auth_audit_entry_stays BEFORE UPDATE ON auth_audit_entry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER auth_audit_entry_is_kept BEFORE DELETE ON auth_audit_entry
    WHEN OLD.number > (SELECT coalesce(max(number), 0) FROM auth_audit_anchor)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
)
POSTGRESQL = (
    """
    CREATE FUNCTION auth_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.number <= (SELECT coalesce(max(number), 0) FROM auth_audit_anchor) THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only';
    END $$
    """,
    """
    CREATE TRIGGER auth_audit_entry_stays BEFORE UPDATE OR DELETE ON auth_audit_entry
    FOR EACH ROW EXECUTE FUNCTION auth_audit_refuse()
    """,
)


def upgrade() -> None:
    op.create_table(
        "auth_audit_entry",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_auth_audit_entry")),
        sa.UniqueConstraint("event_id", name=op.f("uq_auth_audit_entry_event_id")),
    )
    op.create_index("ix_auth_audit_entry_occurred_at", "auth_audit_entry", ["occurred_at"])
    op.create_index("ix_auth_audit_entry_actor_id_number", "auth_audit_entry", ["actor_id", "number"])
    op.create_index("ix_auth_audit_entry_action_number", "auth_audit_entry", ["action", "number"])
    op.create_table(
        "auth_audit_anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_audit_anchor")),
    )
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
    # Keys of before may do what nearly all of them are for.
    with op.batch_alter_table("auth_api_key") as batch:
        batch.add_column(
            sa.Column("scopes", sa.JSON(), nullable=False, server_default='["chat", "knowledge:read"]')
        )
    with op.batch_alter_table("auth_api_key") as batch:
        batch.alter_column("scopes", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("auth_api_key") as batch:
        batch.drop_column("scopes")
    op.drop_table("auth_audit_entry")
    op.drop_table("auth_audit_anchor")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION auth_audit_refuse")
