"""Migrations are the only way a schema is made, and they agree with the models."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, Uuid, bindparam, inspect, text
from uuid_utils.compat import uuid7

from migrations import histories
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings
from tests.builders import platform_on
from tests.databases import query

FIRST_ROWS = {"chat_guardrail_rule": 13}
"""Tables that have rows on a new house."""
"""What a new house begins with."""
ROOT = Path(__file__).parents[2]
THEN = "2026-11-23 12:00:00.000000+00:00"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = database_engine(settings.resolved_database_url)
    yield engine
    engine.dispose()


def counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of every table but the version tables."""
    with engine.connect() as connection:
        tables = [name for name in inspect(connection).get_table_names() if not name.endswith("_version")]
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in tables
        }


def insert(connection: Connection, table: str, columns: str, *values: object) -> None:
    """Insert a row into a table as it was at some time, whatever the models say today."""
    row = {f"v{number}": value for number, value in enumerate(values)}
    binds = [bindparam(name, type_=Uuid() if isinstance(row[name], UUID) else None) for name in row]
    statement = text(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in row)})")
    connection.execute(statement.bindparams(*binds), row)


def rows_of(engine: Engine, statement: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def test_models_and_migrations_agree(engine: Engine) -> None:
    histories.check(engine)


async def test_every_history_goes_down_and_up_again_with_rows_in_the_tables(
    settings: Settings, engine: Engine
) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        await admin.create_group("Sales")
        await admin.upload_and_wait(await admin.create_collection(), "a.txt", b"The code is seven.")
        await admin.ask("What is the code?")
        await platform.delivered("analytics.turns")
    before = counts(engine)
    for history in histories.HISTORIES.values():
        own = {name for name in before if name in history.metadata.tables}
        histories.downgrade(engine, history, "base")
        assert not own & set(counts(engine))
        with closing(engine.connect()) as connection:
            assert histories.pending(connection) == [history.name]
        histories.upgrade(engine)
        after = counts(engine)
        assert {name: after[name] for name in own} == {name: FIRST_ROWS.get(name, 0) for name in own}
        assert {name: after[name] for name in before if name not in own} == {
            name: before[name] for name in before if name not in own
        }
        before = after


OLD_KNOWLEDGE = "5c5c93172693"


def test_documents_get_a_version_each_and_come_back_as_they_were(engine: Engine) -> None:
    """Files keep their names, passages their documents; documents of one name get sources of their own."""
    history = histories.HISTORIES["knowledge"]
    histories.downgrade(engine, history, OLD_KNOWLEDGE)
    collection_id, admin_id = uuid4(), uuid4()
    titles = {"a.txt": "ready", "a.txt (2)": "ready", "b.txt": "processing", "c.txt": "failed"}
    documents = [(uuid4(), title, status) for title, status in (*titles.items(), ("a.txt", "pending"))]
    documents.sort()
    columns = "id, collection_id, title, size_bytes, status, reason, passage_count, created_by, created_at"
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        about = (collection_id, "A", "", THEN)
        insert(connection, "knowledge_collection", "id, name, description, created_at", *about)
        for id_, title, status in documents:
            reason = "It is broken." if status == "failed" else None
            count = int(status == "ready")
            insert(
                connection,
                "knowledge_document",
                columns,
                id_,
                collection_id,
                title,
                7,
                status,
                reason,
                count,
                admin_id,
                THEN,
            )
            if status == "ready":
                passage = (uuid4(), id_, 0, "p. 1", f"Text of {title}.")
                passage_columns = "id, document_id, ordinal, location, text"
                insert(connection, "knowledge_passage", passage_columns, *passage)

    rows = partial(rows_of, engine)
    before = rows(f"SELECT {columns} FROM knowledge_document ORDER BY id")
    passages = rows("SELECT id, document_id, ordinal, location, text FROM knowledge_passage ORDER BY id")
    for _ in range(2):
        histories.upgrade(engine)
        histories.check(engine)
        assert rows("SELECT id, number FROM knowledge_document_version ORDER BY id") == [
            (row[0], 1) for row in before
        ]
        assert rows("SELECT id, title FROM knowledge_document WHERE live_version_id = id ORDER BY id") == [
            (row[0], row[2]) for row in before if row[4] == "ready"
        ]
        sources = [str(source) for (source,) in rows("SELECT source FROM knowledge_document ORDER BY id")]
        assert len(set(sources)) == len(documents)
        assert all(source.startswith(title) for source, (_, title, _) in zip(sources, documents, strict=True))
        assert rows("SELECT version_id FROM knowledge_passage WHERE version_id <> document_id") == []
        assert rows("SELECT reason FROM knowledge_document_version WHERE status = 'failed'") == [
            ("It is broken.",)
        ]
        histories.downgrade(engine, history, OLD_KNOWLEDGE)
        again = rows(f"SELECT {columns} FROM knowledge_document ORDER BY id")
        waiting = [(*row[:4], "pending", *row[5:]) if row[4] == "processing" else row for row in before]
        assert again == waiting
        assert passages == rows(
            "SELECT id, document_id, ordinal, location, text FROM knowledge_passage ORDER BY id"
        )


async def test_going_back_keeps_the_live_version_of_each_document(settings: Settings, engine: Engine) -> None:
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        await admin.upload_and_wait(collection_id, "a.html", b"<p>The code is seven.</p>")
        await admin.upload_and_wait(collection_id, "a.html", b"<p>The code is eight.</p>")
        await admin.upload_and_wait(collection_id, "a.html", b"<p></p>")
    histories.downgrade(engine, histories.HISTORIES["knowledge"], OLD_KNOWLEDGE)
    [(status, count)] = query(settings, "SELECT status, passage_count FROM knowledge_document")
    [(kept,)] = query(settings, "SELECT text FROM knowledge_passage")
    assert (status, count, kept) == ("ready", 1, "The code is eight.")


OLD_CHAT = "9c4e1f7a52d0"


def test_old_sessions_become_one_branch_each_and_come_back_as_they_were(engine: Engine) -> None:
    """Messages follow one another in the order of their ids, whichever sessions they lie between."""
    history = histories.HISTORIES["chat"]
    histories.downgrade(engine, history, OLD_CHAT)
    sessions, user_id = [uuid7() for _ in range(3)], uuid4()
    talked = sessions[:2]  # and the last one is empty
    turns = [(uuid7(), uuid7(), talked[number % 2]) for number in range(6)]
    session_columns = "id, user_id, title, created_at, updated_at"
    columns = "id, session_id, role, content, created_at, status, question_id, citations, feedback_reasons"
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        for session_id in sessions:
            values = (session_id, user_id, "Old", THEN, THEN)
            insert(connection, "chat_session", session_columns, *values)
        for question, answer, session_id in turns:
            rest = (THEN, "completed")
            insert(
                connection,
                "chat_message",
                columns,
                question,
                session_id,
                "user",
                "?",
                *rest,
                None,
                "[]",
                "[]",
            )
            said = (answer, session_id, "assistant", "!", *rest, question, "[]", "[]")
            insert(connection, "chat_message", columns, *said)
    before = rows_of(engine, f"SELECT {columns} FROM chat_message ORDER BY id")
    for _ in range(2):
        histories.upgrade(engine)
        histories.check(engine)
        parents = ids_of(engine, "SELECT id, parent_id FROM chat_message")
        leaves = ids_of(engine, "SELECT id, leaf_id FROM chat_session")
        expected: dict[UUID, UUID | None] = {}
        ends: dict[UUID, UUID | None] = dict.fromkeys(sessions)
        for question, answer, session_id in turns:
            expected |= {question: ends[session_id], answer: question}
            ends[session_id] = answer
        assert parents == expected
        assert leaves == ends
        histories.downgrade(engine, history, OLD_CHAT)
        assert rows_of(engine, f"SELECT {columns} FROM chat_message ORDER BY id") == before


OLD_AUTH = "7e90c4b8d315"


async def test_people_keep_what_is_theirs_and_their_sign_ins_go_on(
    settings: Settings, engine: Engine
) -> None:
    """Also on SQLite, which makes the table of people anew. Going back gives nobody a right."""
    async with platform_on(settings) as platform:
        admin, waiting = await platform.sign_up("admin"), await platform.sign_up("waiting")
        editor = await platform.sign_up("editor")
        await admin.create_group("Sales", editor)
        await editor.post("/auth/api-keys", {"name": "robot"})
        await admin.patch(f"/auth/users/{waiting.id}", {"role": "pending"})
        await admin.patch(f"/auth/users/{editor.id}", {"role": "editor"})
    before = counts(engine)
    histories.downgrade(engine, histories.HISTORIES["auth"], OLD_AUTH)
    assert rows_of(engine, "SELECT role, is_active FROM auth_user ORDER BY id") == [
        ("admin", True),
        ("user", False),
        ("user", True),
    ]
    old_token = token_hex()
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        columns = "id, user_id, refresh_hash, created_at, expires_at"
        values = (uuid7(), UUID(admin.id), sha256(old_token.encode()).digest(), THEN, "2099-01-01 00:00:00")
        insert(connection, "auth_sign_in", columns, *values)
    histories.upgrade(engine)
    lost = {"auth_audit_entry": 0}
    assert counts(engine) == before | lost | {"auth_sign_in": before["auth_sign_in"] + 1}
    async with platform_on(settings) as platform:
        body = {"refresh_token": old_token}
        for _ in range(2):
            answer = await platform.client.post("/api/v1/auth/refresh", json=body)
            assert answer.status_code == 200
            body = {"refresh_token": answer.json()["refresh_token"]}


def ids_of(engine: Engine, statement: str) -> dict[UUID, UUID | None]:
    """Return pairs of ids as a mapping, however the engine keeps them."""
    return {UUID(str(key)): UUID(str(value)) if value else None for key, value in rows_of(engine, statement)}


def test_a_history_sees_its_own_tables_alone() -> None:
    owners = [name for history in histories.HISTORIES.values() for name in history.metadata.tables]
    assert len(owners) == len(set(owners))
    for history in histories.HISTORIES.values():
        prefix = "event" if history.name == "infrastructure" else history.name
        assert all(name.startswith(f"{prefix}_") for name in history.metadata.tables)


def test_the_command_line_migrates_rolls_back_and_writes_a_revision(tmp_path: Path) -> None:
    """In a copy of the code, as `make migrate`, `make rollback` and `make migration` do."""
    for folder in ("src", "migrations"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    def run(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "migrations", *arguments], cwd=tmp_path, check=True)

    run("upgrade")
    engine = database_engine(f"sqlite:///{tmp_path / 'data' / 'platform.db'}")

    def columns(table: str) -> set[str]:
        return {column["name"] for column in inspect(engine).get_columns(table)}

    def schema() -> dict[str, set[str]]:
        return {name: columns(name) for name in inspect(engine).get_table_names()}

    newest = schema()
    run("downgrade", "--domain", "chat")
    assert schema() != newest
    run("upgrade")
    assert schema() == newest
    models = tmp_path / "src" / "domains" / "chat" / "models.py"
    title = "    title: Mapped[str]\n"
    models.write_text(models.read_text().replace(title, f"{title}    mood: Mapped[str | None]\n"))
    run("revision", "--domain", "chat", "--message", "add a mood")
    [written] = (tmp_path / "migrations" / "chat").glob("*_add_a_mood.py")
    assert "sa.Column('mood', sa.String(), nullable=True)" in written.read_text()
    run("upgrade")
    assert "mood" in columns("chat_session")
    engine.dispose()
