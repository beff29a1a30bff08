"""rules of the guardrail, blocked messages, and values that were masked

Revision: e1a7c3f09b52, after 4d0b6a92c7e1, 2026-11-24 18:00:00.000000
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from uuid_utils.compat import uuid7

revision = "e1a7c3f09b52"
down_revision = "4d0b6a92c7e1"
branch_labels = None
depends_on = None

CATEGORIES = (
    "'resident_number', 'phone', 'passport', 'driver_licence', 'business_number', 'bank_account', 'email', 'card', "
    "'iban', 'ssn', 'secret', 'injection', 'term', 'denied_topic', 'allowed_topic'"
)
EVERYWHERE = ["input", "output", "passages"]
FIRST_RULES = (
    # Nobody needs these in an answer, and the law has them kept from others.
    ("resident_number", "mask", EVERYWHERE, True),
    ("card", "mask", EVERYWHERE, True),
    ("secret", "mask", EVERYWHERE, True),
    # What people tell of others does not go to a model; what documents tell them is theirs to read.
    *((category, "mask", ["input"], True) for category in ("phone", "email", "passport", "driver_licence")),
    *((category, "mask", ["input"], True) for category in ("bank_account", "iban", "ssn")),
    # Companies print theirs on every invoice.
    ("business_number", "mask", ["input"], False),
    # A person who asks about injections is not to be refused; a document that commands is not to be heard.
    ("injection", "flag", ["input"], True),
    ("injection", "mask", ["passages"], True),
)


def _status(*allowed: str) -> str:
    return f"status IN ({', '.join(repr(each) for each in allowed)})"


def upgrade() -> None:
    op.add_column("chat_session", sa.Column("masked_values", sa.String(), nullable=True))
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_chat_message_status"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_chat_message_status"),
            _status("pending", "completed", "stopped", "failed", "interrupted", "blocked"),
        )
    rules = op.create_table(
        "chat_guardrail_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("directions", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=True),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"category IN ({CATEGORIES})", name=op.f("ck_chat_guardrail_rule_category")),
        sa.CheckConstraint("action IN ('block', 'mask', 'flag')", name=op.f("ck_chat_guardrail_rule_action")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_guardrail_rule")),
    )
    now = datetime.now(UTC)
    op.bulk_insert(
        rules,
        [
            {
                "id": uuid7(),
                "category": category,
                "action": action,
                "directions": directions,
                "terms": [],
                "profile_id": None,
                "reply": "",
                "is_enabled": is_enabled,
                "created_at": now,
                "updated_at": now,
            }
            for category, action, directions, is_enabled in FIRST_RULES
        ],
    )


def downgrade() -> None:
    op.drop_table("chat_guardrail_rule")
    op.execute("UPDATE chat_message SET status = 'completed' WHERE status = 'blocked'")
    with op.batch_alter_table("chat_message") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_chat_message_status"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_chat_message_status"),
            _status("pending", "completed", "stopped", "failed", "interrupted"),
        )
    op.drop_column("chat_session", "masked_values")
