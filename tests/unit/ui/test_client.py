"""The client turns all that can go wrong on the wire into one error, and keeps a sign-in alive."""

from datetime import UTC, datetime

import httpx
import pytest

from tests.unit.ui.fake_api import ADMIN, TOKENS, FakeApi, page, problem
from ui.client import Client
from ui.models import Feedback
from ui.wire import ApiError, connect

UNAUTHORIZED = problem(401, "invalid_token")


def _signed_in(api: FakeApi) -> Client:
    client = api.client()
    client.sign_in("kim@example.com", "correct horse")
    return client


def test_problem_documents_become_errors(api: FakeApi) -> None:
    """Status, code, detail and request id of a refusal reach the page."""
    api.on("POST", "/auth/login", problem(401, "wrong_credentials", "Wrong."))
    with pytest.raises(ApiError) as caught:
        api.client().sign_in("kim@example.com", "wrong")
    error = caught.value
    assert (error.status, error.code, error.detail, error.request_id) == (
        401,
        "wrong_credentials",
        "Wrong.",
        "req-1",
    )


def test_a_refusal_that_is_no_problem_document_is_told_too(api: FakeApi) -> None:
    """A proxy's error page keeps its status."""
    api.on("GET", "/auth/me", httpx.Response(502, text="<html>", headers={"X-Request-ID": "req-2"}))
    with pytest.raises(ApiError) as caught:
        api.client().me()
    assert (caught.value.status, caught.value.title, caught.value.request_id) == (502, "Bad Gateway", "req-2")


def test_something_else_than_the_api_is_noticed(api: FakeApi) -> None:
    """An address that answers with a web page is not taken for the API."""
    api.on("GET", "/auth/me", httpx.Response(200, text="<html>"))
    with pytest.raises(ApiError, match="not the API"):
        api.client().me()


@pytest.mark.parametrize(
    ("failure", "code"),
    [(httpx.ConnectError("refused"), "unreachable"), (httpx.ReadTimeout("slow"), "timeout")],
)
def test_a_server_that_does_not_answer_is_an_error_like_any_other(
    failure: httpx.HTTPError, code: str
) -> None:
    """No answer at all is status 0."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise failure

    client = Client(connect("http://api.test", httpx.MockTransport(fail)))
    with pytest.raises(ApiError) as caught:
        client.me()
    assert (caught.value.status, caught.value.code) == (0, code)


def test_an_expired_access_token_is_renewed_once(api: FakeApi) -> None:
    """The call is repeated with the new token; the person notices nothing."""
    api.on("GET", "/auth/me", UNAUTHORIZED, ADMIN)
    api.on("POST", "/auth/refresh", {**TOKENS, "access_token": "second"})
    assert _signed_in(api).me()["name"] == "Kim"
    assert api.sent("POST", "/auth/refresh") == [{"refresh_token": "again"}]
    assert api.requests[-1].headers["Authorization"] == "Bearer second"


def test_a_sign_in_that_has_ended_is_not_renewed_again_and_again(api: FakeApi) -> None:
    """When the refresh token is refused, the refusal reaches the page, and later calls do not retry."""
    api.on("GET", "/auth/me", UNAUTHORIZED)
    api.on("POST", "/auth/refresh", problem(401, "invalid_refresh_token"))
    client = _signed_in(api)
    for _ in range(2):
        with pytest.raises(ApiError, match="invalid_token"):
            client.me()
    assert len(api.sent("POST", "/auth/refresh")) == 1


def test_a_server_in_trouble_does_not_end_the_sign_in(api: FakeApi) -> None:
    """A refresh that fails for the server's reasons keeps the tokens for the next try."""
    api.on("GET", "/auth/me", UNAUTHORIZED)
    api.on("POST", "/auth/refresh", problem(503, "unavailable"), TOKENS)
    client = _signed_in(api)
    with pytest.raises(ApiError, match="unavailable"):
        client.me()
    api.on("GET", "/auth/me", UNAUTHORIZED, ADMIN)
    assert client.me() == ADMIN


def test_lists_are_read_page_by_page(api: FakeApi) -> None:
    """A list is read as far as it is wanted, and says whether there is more."""
    api.on("GET", "/chat/sessions", page({"id": 1}, {"id": 2}, next_cursor="c"), page({"id": 3}))
    listing = api.client().sessions(3)
    assert [item["id"] for item in listing.items] == [1, 2, 3]
    assert not listing.more
    assert api.requests[-1].url.params["cursor"] == "c"


def test_the_persons_address_is_passed_on() -> None:
    """The server can limit by address although all requests come from the page."""
    api = FakeApi()
    api.on("GET", "/auth/me", ADMIN)
    http = connect("http://api.test", httpx.MockTransport(api._answer))
    Client(http, "10.1.2.3").me()
    assert api.requests[0].headers["X-Forwarded-For"] == "10.1.2.3"


def test_two_calls_at_once_renew_the_token_once() -> None:
    """A call that is refused while another one has renewed the sign-in goes on with the new token."""
    api = FakeApi()
    api.on("POST", "/auth/login", TOKENS)
    api.on("POST", "/auth/refresh", {**TOKENS, "access_token": "second"})
    nested = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/v1/auth/me":
            return api._answer(request)
        if request.headers["Authorization"] == "Bearer second":
            return httpx.Response(200, json=ADMIN)
        if not nested:
            nested.append(True)
            client.me()
        return httpx.Response(401, json=UNAUTHORIZED)

    client = Client(connect("http://api.test", httpx.MockTransport(answer)))
    client.sign_in("kim@example.com", "correct horse")
    assert client.me() == ADMIN
    assert len(api.sent("POST", "/auth/refresh")) == 1


def test_every_other_call_goes_where_the_contract_says(api: FakeApi) -> None:
    """Method, path and body of what the pages change."""
    for method, path in (
        ("PATCH", "/auth/users/u2"),
        ("POST", "/auth/groups"),
        ("DELETE", "/auth/groups/g1"),
        ("POST", "/knowledge/collections/c1/documents"),
        ("DELETE", "/knowledge/documents/d1"),
        ("DELETE", "/knowledge/collections/c1"),
        ("PUT", "/chat/messages/m1/feedback"),
        ("GET", "/analytics/dashboard"),
    ):
        api.on(method, path, {})
    api.on("POST", "/knowledge/search", {"passages": []})
    client = api.client()
    client.change_user("u2", role="admin")
    client.create_group("Sales")
    client.delete_group("g1")
    client.upload("c1", "휴가.md", b"# leave")
    client.delete_document("d1")
    client.delete_collection("c1")
    client.rate("m1", Feedback(rating="down", reasons=["outdated"], comment="2019!"))
    client.dashboard(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "g1")
    assert client.search("leave", ["c1"]) == []
    assert api.sent("PATCH", "/auth/users/u2") == [{"role": "admin"}]
    assert api.sent("POST", "/knowledge/search") == [{"query": "leave", "collection_ids": ["c1"]}]
    assert api.sent("PUT", "/chat/messages/m1/feedback")[0]["reasons"] == ["outdated"]
    assert api.requests[-2].url.params["from"] == "2026-01-01T00:00:00+00:00"
