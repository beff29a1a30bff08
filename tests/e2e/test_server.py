"""The server as a process of its own: a new user's first minutes, crashes, and taken ports."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.builders import samples_of
from tests.databases import new_database
from tests.e2e.callers import Caller, eventually
from tests.e2e.conftest import ROOT, Server, StartServer, free_port
from tests.standins.otlp_collector import collecting

SHARED_DOCUMENTS = ROOT.parent / "shared" / "data" / "documents"
HANDBOOK = ROOT / "tests" / "documents" / "handbook-ko.md"


@pytest.mark.only("sqlite")
def test_the_first_five_minutes(server: Server) -> None:
    """Register, make a collection, upload a PDF and a Korean Markdown file, ask about each, see it counted."""
    pdf = SHARED_DOCUMENTS / "english-multi-page.pdf"
    if not pdf.exists():
        pytest.skip("the shared documents are not here")
    caller = Caller(server.url)
    caller.sign_in()
    collection = caller.post("/knowledge/collections", {"name": "Handbook"})
    caller.upload(collection["id"], pdf)
    caller.upload(collection["id"], HANDBOOK)
    for question, title in (
        ("Which company introduced the MT/ST in 1964?", pdf.name),
        ("연차휴가는 며칠 전에 신청하나요?", HANDBOOK.name),
    ):
        answer = caller.post("/chat", {"message": question})
        assert answer["grounded"], answer["answer"]
        assert answer["citations"][0]["title"] == title
        assert answer["citations"][0]["location"]
    counted = eventually(
        lambda: caller.get("/analytics/dashboard")["totals"], lambda totals: totals["answers"] == 2
    )
    assert (counted["messages"], counted["answers"], counted["grounded_rate"]) == (2, 2, 1.0)


@pytest.mark.only("sqlite")
def test_the_readmes_tour_works_as_it_stands(server: Server) -> None:
    tour = (ROOT / "README.md").read_text().split("**With curl.**")[1].split("```")[1].removeprefix("sh\n")
    script = tour.replace("http://127.0.0.1:8000", server.url)
    done = subprocess.run(  # the README's own commands
        ["/bin/bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert '"role":"admin"' in done.stdout
    assert '"grounded":true' in done.stdout
    assert "event: end" in done.stdout
    assert '"messages":2' in done.stdout


def test_a_kill_loses_neither_messages_nor_counts(server: Server) -> None:
    caller = Caller(server.url)
    caller.sign_in()
    answers = []
    for number in range(3):
        answers.append(caller.post("/chat", {"message": f"Question {number}?"}))
        server.kill()
        server.start()
        caller = Caller(server.url)
        caller.sign_in(register=False)
    for number, answer in enumerate(answers):
        question, reply = caller.get(f"/chat/sessions/{answer['session_id']}/messages")["items"]
        assert question["content"] == f"Question {number}?"
        assert (reply["content"], reply["status"]) == (answer["answer"], "completed")
    totals = eventually(
        lambda: caller.get("/analytics/dashboard")["totals"], lambda totals: totals["answers"] == 3
    )
    assert (totals["messages"], totals["answers"], totals["sessions"]) == (3, 3, 3)


@pytest.mark.only("sqlite")
def test_a_kill_while_a_document_is_read_leaves_it_to_be_read_at_the_next_start(server: Server) -> None:
    caller = Caller(server.url)
    caller.sign_in()
    collection = caller.post("/knowledge/collections", {"name": "Handbook"})
    path = f"/knowledge/collections/{collection['id']}/documents"
    text = "\n\n".join(f"Paragraph {number} tells of room {number}." for number in range(3000))
    uploaded = caller.post(path, files={"file": ("rooms.txt", text.encode())})
    server.kill()
    server.start()
    caller = Caller(server.url)
    caller.sign_in(register=False)
    document = eventually(
        lambda: caller.get(f"/knowledge/documents/{uploaded['id']}"),
        lambda document: document["status"] == "ready",
    )
    assert document["status"] == "ready"
    found = caller.post("/knowledge/search", {"query": "Paragraph 2999", "limit": 1})["passages"]
    assert "2999" in found[0]["text"]


@pytest.mark.only("sqlite")
def test_the_page_is_served_beside_the_api(server: Server) -> None:
    page = httpx.get(server.url)
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{server.url}/api/v1/nothing").headers["content-type"] == "application/problem+json"


@pytest.mark.only("sqlite")
def test_a_taken_port_is_told_with_what_to_do(server: Server, tmp_path: Path) -> None:
    port = server.url.rsplit(":", 1)[1]
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "other"), "PORT": port}
    second = subprocess.run(  # our own program
        [sys.executable, "-m", "src"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 1
    assert f"make run PORT={int(port) + 1}" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(("proxies", "is_believed"), [('["127.0.0.1"]', True), ("[]", False)])
def test_what_a_proxy_tells_is_believed_of_those_that_are_named(
    start_server: StartServer, proxies: str, is_believed: bool
) -> None:
    server = start_server(SERVER__TRUSTED_PROXIES=proxies)
    answer = httpx.get(f"{server.url}/health", headers={"X-Forwarded-Proto": "https"})
    assert ("strict-transport-security" in answer.headers) is is_believed


@pytest.mark.only("sqlite")
def test_a_second_server_on_the_same_data_is_told_so(server: Server) -> None:
    environment = {**os.environ, "DATA_DIR": str(server.data_dir), "PORT": str(free_port())}
    second = subprocess.run(  # our own program
        [sys.executable, "-m", "src"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert second.returncode != 0
    assert "Another server is using" in second.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PORT", "high"),
        ("DATABASE_URL", "mysql://x"),
        ("AUTH__TOKEN_SECRET", "canary-short"),
        ("SERVER__WORKERS", "2"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_and_its_value_is_not_shown(
    tmp_path: Path, setting: str, value: str
) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), setting: value}
    server = subprocess.run(  # our own program
        [sys.executable, "-m", "src"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert server.returncode == 1
    assert "settings are not right" in server.stderr
    assert "canary" not in server.stderr
    assert "Traceback" not in server.stderr


def test_a_postgresql_without_the_newest_schema_is_told_so(tmp_path: Path, postgresql: str) -> None:
    with new_database(postgresql) as url:
        environment = {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": url, "PORT": str(free_port())}
        server = subprocess.run(
            [sys.executable, "-m", "src"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert server.returncode == 1
    assert "make migrate" in server.stderr
    assert "Traceback" not in server.stderr


def test_a_database_that_does_not_answer_is_told_so(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": url, "PORT": str(free_port())}
    server = subprocess.run(
        [sys.executable, "-m", "src"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert server.returncode == 1
    assert "The database cannot be used" in server.stderr
    assert "Traceback" not in server.stderr


@pytest.mark.only("postgresql")
def test_two_workers_on_one_port_serve_everybody(tmp_path: Path, database_url: str) -> None:
    """Whoever signs up with one of them is known to the other at once; what one reads, both find.

    Whichever is scraped tells the figures of both, and a trace goes on in the one that was not asked.
    """
    with collecting() as collector:
        settings = {"DATABASE_URL": database_url, "SERVER__WORKERS": 2, "SERVER__PAGE": "false"}
        server = Server(tmp_path, **settings, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        server.start()
        serves_everybody(server)
    registered = [span for span in collector.spans if span.name == "auth.directory auth.user_registered"]
    [request] = [span for span in collector.spans if span.name == "POST /api/v1/auth/register"]
    assert [span.parent_id for span in registered] == [request.span_id] * 2


def serves_everybody(server: Server) -> None:
    caller = Caller(server.url)
    caller.sign_in()
    collection = caller.post("/knowledge/collections", {"name": "Handbook"})
    caller.upload(collection["id"], HANDBOOK)
    for number in range(10):
        fresh = Caller(server.url)  # another connection: either worker may take it
        fresh.sign_in(register=False)
        answer = eventually(
            lambda: fresh.post("/chat", {"message": "연차휴가는 며칠 전에 신청하나요?"}),  # noqa: B023
            lambda answer: answer["grounded"],
        )
        assert answer["grounded"], number
    counted = eventually(
        lambda: caller.get("/analytics/dashboard")["totals"], lambda totals: totals["answers"] >= 10
    )
    assert counted["messages"] == counted["answers"] >= 10
    told = [httpx.get(f"{server.url}/metrics").text for _ in range(4)]
    server.stop()
    for text in told:
        turns = samples_of(text, "platform_turns_total")
        assert sum(turns.values()) == counted["answers"]
        assert {labels["worker"] for labels in map(dict, samples_of(text, "process_open_fds"))} == {"1", "2"}
        assert len(samples_of(text, "platform_event_log_position")) == 1
