"""versions of documents

Each document gets one version with the document's own id, so that files on the disk keep their names.

Revision: 3f1d7b6c9a24, after 5c5c93172693, 2026-11-24 09:00:00.000000
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "3f1d7b6c9a24"
down_revision = "5c5c93172693"
branch_labels = None
depends_on = None

Row = Mapping[str, Any]


def _lightweight(name: str, ids: str, texts: str, numbers: str) -> sa.TableClause:
    return sa.table(
        name,
        *(sa.column(column, sa.Uuid()) for column in ids.split()),
        *(sa.column(column, sa.String()) for column in texts.split()),
        *(sa.column(column, sa.Integer()) for column in numbers.split()),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )


documents = _lightweight(
    "knowledge_document",
    "id collection_id created_by live_version_id",
    "title source status reason",
    "size_bytes passage_count",
)
versions = _lightweight(
    "knowledge_document_version",
    "id document_id created_by",
    "file_name status reason",
    "number size_bytes pages_done passage_count attempts",
)
MOVED = ("size_bytes", "status", "reason", "passage_count")


def upgrade() -> None:
    columns = [column for column in documents.c if column.name not in ("live_version_id", "source")]
    rows = _rows(sa.select(*columns).order_by(documents.c.id))
    _set_passages_aside()
    op.add_column("knowledge_document", sa.Column("source", sa.String(), nullable=True))
    op.add_column("knowledge_document", sa.Column("live_version_id", sa.Uuid(), nullable=True))
    _update_documents(_with_sources(rows), ("source", "live_version_id"))
    with op.batch_alter_table("knowledge_document") as batch_op:
        batch_op.alter_column("source", existing_type=sa.String(), nullable=False)
        batch_op.drop_constraint(batch_op.f("ck_knowledge_document_status"), type_="check")
        for name in MOVED:
            batch_op.drop_column(name)
        batch_op.create_unique_constraint(
            batch_op.f("uq_knowledge_document_collection_id"), ["collection_id", "source"]
        )
    _create_versions()
    if rows:
        op.get_bind().execute(sa.insert(versions), [_first_version(row) for row in rows])
    _create_passages(
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["knowledge_document_version.id"],
            name=op.f("fk_knowledge_passage_version_id_knowledge_document_version"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_knowledge_passage_document_id", "knowledge_passage", ["document_id"])
    op.create_index("ix_knowledge_passage_version_id_ordinal", "knowledge_passage", ["version_id", "ordinal"])
    _take_passages_back(version_id="document_id")


def downgrade() -> None:
    """Go back to one file a document: its live version, or its newest one where none is live.

    A file that was taken in as a later version keeps its name on the disk; it is found by its passages still,
    but cannot be read anew.
    """
    kept = sa.or_(
        versions.c.id == documents.c.live_version_id,
        sa.and_(
            documents.c.live_version_id.is_(None),
            versions.c.number
            == sa.select(sa.func.max(versions.c.number))
            .where(versions.c.document_id == documents.c.id)
            .correlate(documents)
            .scalar_subquery(),
        ),
    )
    columns = (documents.c.id, *(versions.c[name] for name in MOVED))
    join = documents.join(versions, versions.c.document_id == documents.c.id)
    rows = _rows(sa.select(*columns).select_from(join).where(kept))
    op.execute(
        "DELETE FROM knowledge_passage WHERE version_id NOT IN "
        "(SELECT live_version_id FROM knowledge_document WHERE live_version_id IS NOT NULL)"
    )
    _set_passages_aside()
    op.drop_table("knowledge_document_version")
    for name, kind in (("size_bytes", sa.Integer()), ("status", sa.String()), ("reason", sa.String())):
        op.add_column("knowledge_document", sa.Column(name, kind, nullable=True))
    op.add_column("knowledge_document", sa.Column("passage_count", sa.Integer(), nullable=True))
    _update_documents(rows, MOVED)
    with op.batch_alter_table("knowledge_document") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_knowledge_document_collection_id"), type_="unique")
        for name in ("source", "live_version_id"):
            batch_op.drop_column(name)
        for name, kind in (
            ("size_bytes", sa.Integer()),
            ("status", sa.String()),
            ("passage_count", sa.Integer()),
        ):
            batch_op.alter_column(name, existing_type=kind, nullable=False)
        batch_op.create_check_constraint(
            batch_op.f("ck_knowledge_document_status"),
            "status IN ('pending', 'processing', 'ready', 'failed')",
        )
    _create_passages()
    op.create_index(
        "ix_knowledge_passage_document_id_ordinal", "knowledge_passage", ["document_id", "ordinal"]
    )
    _take_passages_back()


def _rows(query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in op.get_bind().execute(query).mappings()]


def _with_sources(rows: Iterable[Row]) -> list[Row]:
    """Give each document the source it is known by: its title, numbered where others had it before."""
    taken: set[tuple[UUID, str]] = set()
    result: list[Row] = []
    for row in rows:
        title, number = unicodedata.normalize("NFC", row["title"]), 1
        source = title
        while (row["collection_id"], source) in taken:
            number += 1
            source = f"{title} ({number})"
        taken.add((row["collection_id"], source))
        live = row["id"] if row["status"] == "ready" else None
        result.append({"id": row["id"], "source": source, "live_version_id": live})
    return result


def _first_version(row: Row) -> Row:
    moved = {name: row[name] for name in (*MOVED, "id", "created_by", "created_at")}
    # A server that was stopped read what was being read; it begins anew.
    status = "pending" if row["status"] == "processing" else row["status"]
    fresh = {"number": 1, "pages_done": 0, "attempts": 0, "status": status}
    return {**moved, **fresh, "document_id": row["id"], "file_name": row["title"]}


def _update_documents(rows: list[Row], columns: Iterable[str]) -> None:
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
        statement = sa.update(documents).where(documents.c.id == sa.bindparam("document_id")).values(values)
        parameters = [
            {"document_id": row["id"], **{f"new_{name}": row[name] for name in columns}} for row in rows
        ]
        op.get_bind().execute(statement, parameters)


def _set_passages_aside() -> None:
    """Keep the passages while their parents change: SQLite makes those anew, which would delete their children."""
    op.execute("CREATE TABLE knowledge_passage_aside AS SELECT * FROM knowledge_passage")
    op.drop_table("knowledge_passage")


def _take_passages_back(**derived: str) -> None:
    columns = ("id", "document_id", "ordinal", "location", "text")
    targets, sources = ", ".join((*columns, *derived)), ", ".join((*columns, *derived.values()))
    op.execute(f"INSERT INTO knowledge_passage ({targets}) SELECT {sources} FROM knowledge_passage_aside")  # noqa: S608  # names from here
    op.drop_table("knowledge_passage_aside")


def _create_passages(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "knowledge_passage",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_document.id"],
            name=op.f("fk_knowledge_passage_document_id_knowledge_document"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_passage")),
    )


def _create_versions() -> None:
    op.create_table(
        "knowledge_document_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("pages_done", sa.Integer(), nullable=False),
        sa.Column("pages_total", sa.Integer(), nullable=True),
        sa.Column("passage_count", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.String(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'ready', 'failed')",
            name=op.f("ck_knowledge_document_version_status"),
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_document.id"],
            name=op.f("fk_knowledge_document_version_document_id_knowledge_document"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_document_version")),
        sa.UniqueConstraint("document_id", "number", name=op.f("uq_knowledge_document_version_document_id")),
    )
    op.create_index("ix_knowledge_document_version_status_id", "knowledge_document_version", ["status", "id"])
