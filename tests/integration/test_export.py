"""Exports, through the API: a session as a file."""

import json
from email.message import Message
from urllib.parse import unquote

import httpx
import pytest

from src.infrastructure.settings import Settings
from tests.builders import Person, Platform, platform_on, problem_of
from tests.conversations import a_conversation
from tests.fakes import CitingModel


async def export(person: Person, session_id: str, format: str) -> httpx.Response:
    answer = await person.call("GET", f"/chat/sessions/{session_id}/export", params={"format": format})
    return answer.raise_for_status()


def file_name(answer: httpx.Response) -> str:
    """Return the name as a client that knows RFC 6266 reads it."""
    message = Message()
    message["Content-Disposition"] = answer.headers["content-disposition"]
    assert message.get_content_disposition() == "attachment"
    return unquote(answer.headers["content-disposition"].split("filename*=UTF-8''")[1])


async def test_the_branch_that_is_shown_is_exported_as_markdown_with_its_sources(settings: Settings) -> None:
    async with platform_on(settings, model=CitingModel()) as platform:
        admin = await platform.sign_up()
        collection_id = await admin.create_collection()
        await admin.upload_and_wait(collection_id, "leave.md", b"# Leave\n\nAnnual leave is 25 days.")
        session = await admin.post("/chat/sessions", {"title": "Days of leave"})
        answer = await admin.ask("How many days of leave?", session["id"])
        first = (await admin.get(f"/chat/sessions/{answer['session_id']}/messages"))["items"][0]
        await admin.post(f"/chat/messages/{first['id']}/edit", {"content": "How much annual leave?"})
        text = (await export(admin, answer["session_id"], "markdown")).text
    assert text == (
        "# Days of leave\n"
        "\n## Question\n\nHow much annual leave?\n"
        "\n## Answer\n\n[1]\n"
        "\n### Sources\n"
        f"\n[1] leave.md, Leave\n\n> {answer['citations'][0]['text'].strip()}\n"
    )


async def test_all_branches_are_exported_as_json(platform: Platform) -> None:
    admin = await platform.sign_up()
    answer = await admin.ask("One")
    path = f"/chat/sessions/{answer['session_id']}/messages"
    first = (await admin.get(path))["items"][0]
    again = await admin.post(f"/chat/messages/{first['id']}/edit", {"content": "Uno"})
    exported = json.loads((await export(admin, answer["session_id"], "json")).text)
    assert (exported["id"], exported["title"]) == (answer["session_id"], "One")
    assert [each["content"] for each in exported["messages"] if each["role"] == "user"] == ["One", "Uno"]
    assert exported["shown_up_to"] == exported["messages"][-1]["id"] == again["message_id"]
    assert [each["parent_id"] for each in exported["messages"]] == [
        None, exported["messages"][0]["id"], None, exported["messages"][2]["id"]
    ]  # fmt: skip


async def test_a_long_session_is_exported_whole(platform: Platform) -> None:
    admin = await platform.sign_up()
    texts = [f"text {number}" for number in range(501)]
    session_id, _ids = await a_conversation(platform, admin, texts)
    exported = json.loads((await export(admin, session_id, "json")).text)
    assert [each["content"] for each in exported["messages"]] == texts
    written = (await export(admin, session_id, "markdown")).text
    assert [line for line in written.splitlines() if line.startswith("text")] == texts


async def test_an_empty_session_is_exported(platform: Platform) -> None:
    admin = await platform.sign_up()
    session = await admin.post("/chat/sessions", {})
    assert (await export(admin, session["id"], "markdown")).text == "# Chat\n"
    assert json.loads((await export(admin, session["id"], "json")).text)["messages"] == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("연차 신청", "연차 신청"),
        ("../../etc/passwd", "etcpasswd"),
        ('say "hi"; filename=evil.exe', "say hi; filename=evil.exe"),
        ("line\r\nX-Evil: 1", "line X-Evil 1"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("...", "chat"),
        ("가" * 200, "가" * 80),
    ],
)
async def test_the_file_is_named_safely_after_the_session(platform: Platform, title: str, name: str) -> None:
    admin = await platform.sign_up()
    session_id, _ids = await a_conversation(platform, admin, ["Hi"], title=title)
    for format, ending in (("markdown", ".md"), ("json", ".json")):
        answer = await export(admin, session_id, format)
        assert file_name(answer) == name + ending
        assert answer.headers["content-disposition"].isascii()
        assert "x-evil" not in answer.headers


async def test_a_korean_session_has_korean_headings(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id, _ids = await a_conversation(platform, admin, ["연차는?", "25일입니다."], title="연차는?")
    text = (await export(admin, session_id, "markdown")).text
    assert text == "# 연차는?\n\n## 질문\n\n연차는?\n\n## 답변\n\n25일입니다.\n"


async def test_an_unknown_format_is_refused(platform: Platform) -> None:
    admin = await platform.sign_up()
    session = await admin.post("/chat/sessions", {})
    refused = await admin.call("GET", f"/chat/sessions/{session['id']}/export", params={"format": "pdf"})
    assert problem_of(refused) == (422, "invalid_request")
