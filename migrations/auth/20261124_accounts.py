"""accounts: roles, devices, mails, second factors and identities elsewhere

Revision: a4f1c27e9b60, after c1f5a0d9b2e4, 2026-11-24 15:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "a4f1c27e9b60"
down_revision = "c1f5a0d9b2e4"
branch_labels = None
depends_on = None

CHILDREN = ("auth_membership", "auth_sign_in", "auth_api_key")
"""What refers to people. SQLite makes the table of people anew, and would delete these with the old one."""
ROLES = "role IN ('admin', 'editor', 'user', 'pending')"
OLD_ROLES = "role IN ('admin', 'user')"
NO_PASSWORD = (
    "$argon2id$v=19$m=19456,t=2,p=1$ltQCAWk4ORoTuHLCVCeD4g$JBXJg09LYI2KXPEWrkjuCmL75XtJWCulMj4Ps9Q0BXU"  # noqa: S105  # of nobody
)
"""The hash of random bytes that nobody kept."""


def upgrade() -> None:
    _keep_children()
    with op.batch_alter_table("auth_user") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_auth_user_role"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_auth_user_role"), ROLES)
        batch_op.alter_column("password_hash", existing_type=sa.String(), nullable=True)
        batch_op.add_column(sa.Column("language", sa.String(), nullable=True))
    _restore_children()
    _change_sign_ins()
    _create_tables()


def _change_sign_ins() -> None:
    """A refresh token of before is a family of its own, which begins with the whole of it."""
    with op.batch_alter_table("auth_sign_in") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_auth_sign_in_refresh_hash"), type_="unique")
        batch_op.add_column(sa.Column("family_hash", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True))
        for name in ("address", "user_agent"):
            batch_op.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE auth_sign_in SET family_hash = refresh_hash, refreshed_at = created_at")
    with op.batch_alter_table("auth_sign_in") as batch_op:
        batch_op.alter_column("family_hash", existing_type=sa.LargeBinary(), nullable=False)
        batch_op.alter_column("refreshed_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        for name in ("address", "user_agent"):
            batch_op.alter_column(name, existing_type=sa.String(), server_default=None)
        batch_op.create_unique_constraint(batch_op.f("uq_auth_sign_in_family_hash"), ["family_hash"])


def _create_tables() -> None:
    op.create_table(
        "auth_attempt_count",
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Double(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_auth_attempt_count")),
    )
    op.create_index("ix_auth_attempt_count_forgotten_at", "auth_attempt_count", ["forgotten_at"])
    op.create_table(
        "auth_registration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_registration")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_auth_registration_token_hash")),
    )
    op.create_index("ix_auth_registration_email", "auth_registration", ["email"])
    op.create_index("ix_auth_registration_expires_at", "auth_registration", ["expires_at"])
    op.create_table(
        "auth_invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("group_ids", sa.JSON(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(ROLES, name=op.f("ck_auth_invitation_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_invitation")),
        sa.UniqueConstraint("email", name=op.f("uq_auth_invitation_email")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_auth_invitation_token_hash")),
    )
    op.create_table(
        "auth_password_reset",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _belongs_to_a_person("auth_password_reset"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_auth_password_reset")),
    )
    op.create_index("ix_auth_password_reset_user_id", "auth_password_reset", ["user_id"])
    op.create_table(
        "auth_second_factor",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _belongs_to_a_person("auth_second_factor"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_auth_second_factor")),
    )
    op.create_table(
        "auth_recovery_code",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        _belongs_to_a_person("auth_recovery_code"),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_auth_recovery_code")),
    )
    op.create_table(
        "auth_foreign_identity",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _belongs_to_a_person("auth_foreign_identity"),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_auth_foreign_identity")),
    )
    op.create_index("ix_auth_foreign_identity_user_id", "auth_foreign_identity", ["user_id"])


def _belongs_to_a_person(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id_auth_user")
    return sa.ForeignKeyConstraint(["user_id"], ["auth_user.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    """Nobody gains a right: editors become users, and who waits to be let in is switched off."""
    for table in (
        "auth_foreign_identity",
        "auth_recovery_code",
        "auth_second_factor",
        "auth_password_reset",
        "auth_invitation",
        "auth_registration",
        "auth_attempt_count",
    ):
        op.drop_table(table)
    with op.batch_alter_table("auth_sign_in") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_auth_sign_in_family_hash"), type_="unique")
        for name in ("family_hash", "refreshed_at", "address", "user_agent"):
            batch_op.drop_column(name)
        batch_op.create_unique_constraint(batch_op.f("uq_auth_sign_in_refresh_hash"), ["refresh_hash"])
    op.execute("UPDATE auth_user SET is_active = false WHERE role = 'pending'")
    op.execute("UPDATE auth_user SET role = 'user' WHERE role IN ('pending', 'editor')")
    op.execute(f"UPDATE auth_user SET password_hash = '{NO_PASSWORD}' WHERE password_hash IS NULL")  # noqa: S608  # a constant
    _keep_children()
    with op.batch_alter_table("auth_user") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_auth_user_role"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_auth_user_role"), OLD_ROLES)
        batch_op.alter_column("password_hash", existing_type=sa.String(), nullable=False)
        batch_op.drop_column("language")
    _restore_children()


def _keep_children() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in CHILDREN:
            op.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")  # noqa: S608  # names of ours


def _restore_children() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in CHILDREN:
            op.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")  # noqa: S608  # names of ours
            op.execute(f"DROP TABLE kept_{table}")
