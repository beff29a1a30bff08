"""Pages as sources of documents, through the API."""

from collections.abc import AsyncIterator

import pytest

from src.infrastructure.settings import FetchSettings, Settings
from tests.builders import UNKNOWN_ID, Platform, platform_on, problem_of
from tests.web import WebServer, http, redirect, web_server

PAGE = b"<html><body><h1>Leave</h1><p>Annual leave is fifteen days.</p></body></html>"


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    answers = {
        "/hr/leave": http(body=PAGE),
        "/moved": redirect("/hr/leave"),
        "/inside": redirect("http://10.0.0.1/"),
    }
    async with web_server(answers) as web:
        yield web


@pytest.fixture
def settings(settings: Settings, web: WebServer) -> Settings:
    fetch = FetchSettings(allowed_private_hosts=("127.0.0.1",), allowed_ports=(80, 443, web.port))
    return settings.model_copy(update={"fetch": fetch})


async def test_a_page_is_taken_in_by_its_address_and_found(platform: Platform, web: WebServer) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    body = {"url": f"http://127.0.0.1:{web.port}/moved"}
    taken = await admin.post(f"/knowledge/collections/{collection_id}/urls", body)
    assert taken["outcome"] == "new"
    document = await admin.read_to_its_end(taken["id"])
    assert (document["status"], document["title"]) == ("ready", "leave.html")
    assert document["source"] == f"http://127.0.0.1:{web.port}/hr/leave"
    found = await admin.post("/knowledge/search", {"query": "annual leave"})
    assert "fifteen days" in found["passages"][0]["text"]


async def test_the_same_page_again_changes_nothing_and_another_text_is_a_new_version(
    platform: Platform, web: WebServer
) -> None:
    admin = await platform.sign_up()
    path = f"/knowledge/collections/{await admin.create_collection()}/urls"
    body = {"url": f"http://127.0.0.1:{web.port}/hr/leave"}
    first = await admin.post(path, body)
    await admin.read_to_its_end(first["id"])
    assert (await admin.post(path, body))["outcome"] == "unchanged"
    web.answers["/hr/leave"] = http(body=PAGE.replace(b"fifteen", b"twenty"))
    assert await admin.post(path, body) == first | {"outcome": "new_version"}


async def test_addresses_that_are_not_read_are_refused_with_what_to_do(
    platform: Platform, web: WebServer
) -> None:
    admin = await platform.sign_up()
    collection_id = await admin.create_collection()
    here = f"http://127.0.0.1:{web.port}"
    for url, problem in (
        ("http://169.254.169.254/latest/meta-data/", (422, "refused_url")),
        ("http://10.0.0.1/", (422, "refused_url")),
        (f"{here}/inside", (422, "refused_url")),
        ("file:///etc/passwd", (422, "refused_url")),
        ("http://127.0.0.1:6379/", (422, "refused_url")),
        (f"{here}/nothing", (502, "unreachable_url")),
    ):
        answer = await admin.call("POST", f"/knowledge/collections/{collection_id}/urls", json={"url": url})
        assert problem_of(answer) == problem, url
    assert (await admin.get(f"/knowledge/collections/{collection_id}/documents"))["items"] == []


async def test_nothing_is_fetched_for_somebody_who_may_not_take_it_in(
    platform: Platform, web: WebServer
) -> None:
    admin, user = await platform.sign_up(), await platform.sign_up("user")
    collection_id = await admin.create_collection()
    body = {"url": f"http://127.0.0.1:{web.port}/hr/leave"}
    answer = await user.call("POST", f"/knowledge/collections/{collection_id}/urls", json=body)
    assert problem_of(answer) == (403, "not_allowed")
    answer = await admin.call("POST", f"/knowledge/collections/{UNKNOWN_ID}/urls", json=body)
    assert problem_of(answer) == (404, "unknown_collection")
    assert web.requests == []


@pytest.mark.only("sqlite")
async def test_a_page_over_the_bound_of_uploads_is_too_large(settings: Settings, web: WebServer) -> None:
    knowledge = settings.knowledge.model_copy(update={"max_upload_bytes": 1024})
    web.answers["/large"] = http(body=b"<p>" + b"x" * 2000)
    async with platform_on(settings.model_copy(update={"knowledge": knowledge})) as platform:
        admin = await platform.sign_up()
        path = f"/knowledge/collections/{await admin.create_collection()}/urls"
        answer = await admin.call("POST", path, json={"url": f"http://127.0.0.1:{web.port}/large"})
        assert problem_of(answer) == (413, "document_too_large")
