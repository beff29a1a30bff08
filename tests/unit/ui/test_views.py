"""What each page but the chat shows and sends, with the API replaced at the far end of the client's connection."""

from typing import Any

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput
from streamlit.util import calc_hash

from tests.unit.ui.fake_api import ADMIN, TOKENS, FakeApi, page, problem
from tests.unit.ui.parts import badges, button

USER = {**ADMIN, "id": "u2", "name": "Lee", "email": "lee@example.com", "role": "user", "group_ids": ["g1"]}
GROUP = {"id": "g1", "name": "Sales"}
COLLECTION = {"id": "c1", "name": "HR", "description": "Rules", "group_ids": ["g1"], "document_count": 1}


def _document(**fields: Any) -> dict[str, Any]:
    rest = {"size_bytes": 2048, "status": "ready", "reason": None, "passage_count": 4, "version": 1}
    rest |= {"pages_done": 0, "pages_total": None}
    return {"id": "d1", "collection_id": "c1", "title": "leave.md", **rest, **fields}


def _go(tab: AppTest, name: str) -> AppTest:
    """Choose a page in the menu; AppTest itself knows pages that are files alone."""
    tab._page_hash = calc_hash(name)
    return tab


# Signing in


def test_signing_in_leads_to_the_chat(api: FakeApi, tab: AppTest) -> None:
    """With the right password the chat opens and greets the person by name."""
    tab.run()
    tab.text_input[0].input("kim@example.com")
    tab.text_input[1].input("correct horse")
    button(tab, "Sign in").click().run()
    assert api.sent("POST", "/auth/login") == [{"email": "kim@example.com", "password": "correct horse"}]
    assert tab.header[0].value == "Hello, Kim. What would you like to know?"


def test_signing_up_signs_in(api: FakeApi, tab: AppTest) -> None:
    """A new account is used at once."""
    api.on("POST", "/auth/register", ADMIN, status=201)
    tab.run()
    for field, value in zip(tab.text_input[2:5], ("Kim", "kim@example.com", "correct horse"), strict=True):
        field.input(value)
    button(tab, "Sign up").click().run()
    assert api.sent("POST", "/auth/register")[0]["name"] == "Kim"
    assert tab.header


def test_an_address_that_has_to_be_confirmed_is_told_so(api: FakeApi, tab: AppTest) -> None:
    """Nobody is signed in before the mail was read."""
    api.on("POST", "/auth/register", {**ADMIN, "is_active": False}, status=201)
    tab.run()
    for field, value in zip(tab.text_input[2:5], ("Kim", "kim@example.com", "correct horse"), strict=True):
        field.input(value)
    button(tab, "Sign up").click().run()
    assert "open the link in the mail" in tab.success[0].value
    assert not api.sent("POST", "/auth/login")


def test_a_second_factor_is_asked_for(api: FakeApi, tab: AppTest) -> None:
    """The password first, then the code."""
    api.on("POST", "/auth/login", problem(401, "second_factor_required") | {"challenge": "sealed"})
    api.on("POST", "/auth/login/second-factor", problem(401, "wrong_second_factor"), TOKENS)
    tab.run()
    tab.text_input[0].input("kim@example.com")
    tab.text_input[1].input("correct horse")
    button(tab, "Sign in").click().run()
    for code in ("000000", "123456"):
        tab.text_input[0].input(code)
        button(tab, "Sign in").click().run()
    sent = [{"challenge": "sealed", "code": code} for code in ("000000", "123456")]
    assert api.sent("POST", "/auth/login/second-factor") == sent
    assert tab.header


def test_providers_are_offered_and_a_refusal_is_told(api: FakeApi, tab: AppTest) -> None:
    """A label is shown as it is, whatever stands in it."""
    api.on("GET", "/auth/oidc/providers", {"items": [{"name": "corp", "label": "<b>Corp</b>"}]})
    tab.query_params["refused"] = "openid_no_account"
    tab.run()
    links = [each.proto.body for each in tab.get("html") if 'class="provider"' in each.proto.body]
    link = 'href="/api/v1/auth/oidc/corp/start">Sign in with &lt;b&gt;Corp&lt;/b&gt;</a>'
    assert [link in each for each in links] == [True]
    assert tab.error[0].value.startswith("You have no account here")


def test_who_comes_back_from_a_provider_is_signed_in_once(
    api: FakeApi, tab: AppTest, cookies: dict[str, str]
) -> None:
    """Whoever then signs out stays out, though the cookie is still there."""
    api.on("POST", "/auth/oidc/redeem", TOKENS)
    cookies["openid_ticket"] = "sealed"
    tab.run()
    assert tab.header[0].value.startswith("Hello, Kim")
    button(tab, "Sign out").click().run()
    assert button(tab, "Sign in")
    assert api.sent("POST", "/auth/oidc/redeem") == [{"ticket": "sealed"}]


@pytest.mark.parametrize(
    ("link", "path", "sent"),
    [
        ("reset", "/auth/password-reset/confirm", {"token": "t", "new_password": "correct horse"}),
        ("confirm", "/auth/register/confirm", {"token": "t", "password": "correct horse"}),
        (
            "invitation",
            "/auth/invitations/accept",
            {"token": "t", "name": "Kim", "password": "correct horse", "language": "en"},
        ),
    ],
)
def test_the_links_of_mails_are_redeemed(
    api: FakeApi, tab: AppTest, link: str, path: str, sent: dict[str, str]
) -> None:
    """Each leads to its form, and then to signing in."""
    api.on("POST", path, status=204)
    tab.query_params[link] = "t"
    tab.run()
    *names, password = tab.text_input
    for name in names:
        name.input("Kim")
    password.input("correct horse")
    button(tab, "Go on").click().run()
    assert api.sent("POST", path) == [sent]
    assert tab.info[0].value == "Done. You can sign in now."


def test_who_waits_to_be_let_in_is_told_so(api: FakeApi, signed_in: AppTest) -> None:
    """Nothing else is asked of the API, which would refuse it."""
    pending = {**ADMIN, "role": "pending"}
    api.on("GET", "/auth/me", pending)
    signed_in.session_state["user"] = pending
    signed_in.run()
    assert "has yet to let you in" in signed_in.info[0].value
    assert not api.sent("GET", "/chat/sessions")


def test_a_wrong_password_is_told(api: FakeApi, tab: AppTest) -> None:
    """A refused sign-in says so in plain words, with the request id."""
    api.on("POST", "/auth/login", problem(401, "wrong_credentials", "Wrong."))
    tab.run()
    tab.text_input[0].input("kim@example.com")
    tab.text_input[1].input("wrong")
    button(tab, "Sign in").click().run()
    assert "password is not right" in tab.error[0].value
    assert r"req\-1" in tab.error[0].value


def test_empty_fields_are_not_sent(api: FakeApi, tab: AppTest) -> None:
    """The form asks for what is missing instead of asking the server."""
    tab.run()
    button(tab, "Sign in").click().run()
    assert tab.warning[0].value == "Please fill in every field."
    assert not any(request.method == "POST" for request in api.requests)


def test_a_sign_in_that_ended_leads_back_to_signing_in(api: FakeApi, signed_in: AppTest) -> None:
    """Nothing of the person stays in the tab, and the page says why they must sign in again."""
    api.on("GET", "/auth/me", problem(401, "sign_in_ended"))
    signed_in.run()
    assert signed_in.info[0].value == "Your sign-in has ended. Please sign in again."
    assert "user" not in signed_in.session_state


def test_signing_out_forgets_the_person(api: FakeApi, signed_in: AppTest) -> None:
    """The server is told, and the sign-in page is back, even if the server cannot be told."""
    api.on("POST", "/auth/logout", problem(503, "unavailable"))
    signed_in.run()
    button(signed_in, "Sign out").click().run()
    assert api.sent("POST", "/auth/logout") == [{"refresh_token": TOKENS["refresh_token"]}]
    assert signed_in.title[0].value.endswith("GenAI Chatbot")


def test_the_page_speaks_korean(signed_in: AppTest) -> None:
    """The switch in the sidebar changes every text."""
    signed_in.run()
    signed_in.segmented_control(key="language").set_value("ko").run()
    assert signed_in.header[0].value == "Kim님, 무엇이 궁금하세요?"


def test_a_server_that_is_down_is_told(api: FakeApi, signed_in: AppTest) -> None:
    """Without the server the page says so and shows no traceback."""

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    signed_in.session_state["client"]._http = httpx.Client(
        base_url="http://api.test", transport=httpx.MockTransport(refuse)
    )
    signed_in.run()
    assert "cannot be reached" in signed_in.error[0].value
    assert not signed_in.exception


# Documents


@pytest.fixture
def documents(api: FakeApi, signed_in: AppTest) -> AppTest:
    """The administrator's tab on the documents page, with one collection open."""
    api.on("GET", "/auth/groups", page(GROUP))
    api.on("GET", "/knowledge/collections", page(COLLECTION))
    api.on("GET", "/knowledge/collections/c1/documents", page(_document()))
    signed_in.session_state["collection_id"] = "c1"
    return _go(signed_in, "documents")


def test_collections_show_who_may_read_them(documents: AppTest) -> None:
    """Each collection has its groups by name, and its documents with their status."""
    documents.run()
    assert documents.subheader[0].value == "HR"
    assert "Sales" in badges(documents)
    assert "Ready" in badges(documents)


def test_a_document_that_failed_says_why(api: FakeApi, documents: AppTest) -> None:
    """The reason stands under the document."""
    failed = _document(status="failed", reason="The PDF is damaged.")
    api.on("GET", "/knowledge/collections/c1/documents", page(failed))
    documents.run()
    assert any("The PDF is damaged" in caption.value for caption in documents.caption)


def test_a_document_that_is_read_tells_how_far_and_what_is_used_meanwhile(
    api: FakeApi, documents: AppTest
) -> None:
    """The page that is read stands in the badge, the live version below."""
    reading = _document(status="processing", version=2, pages_done=3, pages_total=20)
    api.on("GET", "/knowledge/collections/c1/documents", page(reading))
    documents.run()
    assert "page 3 of 20" in badges(documents)
    assert any("Version 2 is used until" in caption.value for caption in documents.caption)


def test_a_document_that_failed_is_tried_again(api: FakeApi, documents: AppTest) -> None:
    """One click tells the server."""
    api.on("GET", "/knowledge/collections/c1/documents", page(_document(status="failed", reason="No.")))
    api.on("POST", "/knowledge/documents/d1/retry", _document(status="pending"), status=202)
    documents.run()
    documents.button(key="retry-d1").click().run()
    assert api.sent("POST", "/knowledge/documents/d1/retry") == [None]


def test_a_collection_is_created_and_opened(api: FakeApi, documents: AppTest) -> None:
    """Name, description and groups are sent; the new collection is the open one."""
    api.on("POST", "/knowledge/collections", COLLECTION, status=201)
    documents.run()
    documents.text_input[0].input("HR")
    documents.text_area[0].input("Rules")
    documents.multiselect[0].select("g1")
    button(documents, "Create").click().run()
    expected = {"name": "HR", "description": "Rules", "group_ids": ["g1"]}
    assert api.sent("POST", "/knowledge/collections") == [expected]


def test_several_files_are_uploaded_one_refused(api: FakeApi, documents: AppTest) -> None:
    """A refused file is named, and keeps no other from being uploaded."""
    path = "/knowledge/collections/c1/documents"
    api.on(
        "POST", path, problem(413, "document_too_large", "At most 50 MB."), {"id": "d2", "status": "pending"}
    )
    documents.run()
    files = [("big.pdf", b"%PDF", "application/pdf"), ("leave.md", b"# Leave", "text/markdown")]
    documents.file_uploader[0].set_value(files)
    button(documents, "Add to collection").click().run()
    assert len(documents.error) == 1
    assert r"big\.pdf" in documents.error[0].value
    assert "At most 50 MB" in documents.error[0].value


def test_documents_and_collections_are_deleted(api: FakeApi, documents: AppTest) -> None:
    """Both ask first; then the server is told."""
    api.on("DELETE", "/knowledge/documents/d1", status=204)
    api.on("DELETE", "/knowledge/collections/c1", status=204)
    documents.run()
    documents.button(key="delete-d1").click().run()
    documents.button(key="delete-c1").click().run()
    assert api.sent("DELETE", "/knowledge/documents/d1") == [None]
    assert api.sent("DELETE", "/knowledge/collections/c1") == [None]


def test_a_search_is_tried(api: FakeApi, documents: AppTest) -> None:
    """The passages are shown as plain text with their place, and why they were found."""
    matches = [
        {"arm": "words", "score": 3.5, "words": ["leave"]},
        {"arm": "meaning", "score": 0.6, "words": []},
    ]
    place = {"title": "leave.md", "location": "Annual leave"}
    passage = {**place, "text": "*15* days", "score": 0.5, "matches": matches}
    api.on("POST", "/knowledge/search", {"passages": [passage]})
    documents.run()
    documents.text_input[-1].input("leave")
    button(documents, "Search").click().run()
    assert any(element.value == "*15* days" for element in documents.text)
    assert any("by the words leave · by its meaning" in each.value for each in documents.caption)


def test_a_web_page_is_taken_in(api: FakeApi, documents: AppTest) -> None:
    api.on("POST", "/knowledge/collections/c1/urls", {"id": "d2", "status": "pending", "outcome": "new"})
    documents.run()
    _input(documents, "Or the address of a web page").input("https://example.com/rules")
    button(documents, "Add to collection").click().run()
    assert api.sent("POST", "/knowledge/collections/c1/urls") == [{"url": "https://example.com/rules"}]


def test_a_reader_changes_nothing(api: FakeApi, documents: AppTest) -> None:
    """Who is no administrator sees collections and documents, and no way to change them."""
    api.on("GET", "/auth/me", USER)
    documents.run()
    documents.run()
    assert documents.subheader[0].value == "HR"
    assert not documents.file_uploader
    assert {button.label for button in documents.button} <= {"Close", "Search", "Sign out", "Upload"} - {
        "Upload"
    }
    assert "Groups: 1" in badges(documents)


# Dashboard


def _dashboard(messages: int) -> dict[str, Any]:
    quantiles = dict.fromkeys(("p50", "p95", "p99"), 1500 if messages else None)
    counts = ("messages", "answers", "sessions", "active_users", "tokens_in", "tokens_out", "feedback_up")
    totals = dict.fromkeys((*counts, "feedback_down", "blocked", "failed"), messages)
    point = {"at": "2026-01-01", "messages": messages, "answers": messages, "active_users": 1, "cost": 0.5}
    return {
        "range": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-08T00:00:00Z"},
        "totals": {**totals, "grounded_rate": 0.5 if messages else None, "cost": 1.25},
        "latency_ms": {"first_token": quantiles, "total": quantiles},
        "series": [point] if messages else [],
    }


def test_the_dashboard_counts(api: FakeApi, signed_in: AppTest) -> None:
    """Tiles show totals, shares and seconds; charts show the days."""
    api.on("GET", "/analytics/dashboard", _dashboard(2000))
    _go(signed_in, "dashboard").run()
    tiles = {metric.label: metric.value for metric in signed_in.metric}
    assert tiles["Messages"] == "2,000"
    assert tiles["Grounded answers"] == "50%"
    assert tiles["First words · p95"] == "1.50"
    assert len(signed_in.get("vega_lite_chart") or signed_in.get("arrow_vega_lite_chart")) == 3


def test_a_dashboard_without_activity_says_so(api: FakeApi, signed_in: AppTest) -> None:
    """What cannot be computed is a dash, and no empty chart is drawn."""
    api.on("GET", "/analytics/dashboard", _dashboard(0))
    _go(signed_in, "dashboard").run()
    assert {metric.label: metric.value for metric in signed_in.metric}["Grounded answers"] == "–"
    assert signed_in.info[0].value == "Nothing happened in this range."


def test_a_range_and_a_group_are_chosen(api: FakeApi, signed_in: AppTest) -> None:
    """The chosen days and group are what the server is asked for."""
    api.on("GET", "/auth/groups", page(GROUP))
    api.on("GET", "/analytics/dashboard", _dashboard(1))
    _go(signed_in, "dashboard").run()
    signed_in.segmented_control(key="range").set_value("custom_range").run()
    signed_in.selectbox[0].set_value("g1").run()
    asked = api.requests[-1].url.params
    assert asked["group_id"] == "g1"
    assert asked["from"].endswith("T00:00:00+00:00")


# People


@pytest.fixture
def people(api: FakeApi, signed_in: AppTest) -> AppTest:
    """The administrator's tab on the people page, with two people and a group."""
    api.on("GET", "/auth/users", page(ADMIN, USER))
    api.on("GET", "/auth/groups", page(GROUP))
    return _go(signed_in, "people").run()


def test_people_are_listed_with_their_rights(people: AppTest) -> None:
    """Everybody has a name, a role and groups."""
    assert "**Lee**" in [element.value for element in people.markdown]
    assert "Administrator" in badges(people)
    assert "Sales" in badges(people)


def test_a_persons_rights_are_changed(api: FakeApi, people: AppTest) -> None:
    """Role, groups and whether they may sign in are saved together."""
    api.on("PATCH", "/auth/users/u2", USER)
    people.button(key="edit-u2").click().run()
    people.selectbox[0].set_value("admin")
    people.toggle[0].set_value(False)
    button(people, "Save").click().run()
    expected = {"role": "admin", "group_ids": ["g1"], "is_active": False}
    assert api.sent("PATCH", "/auth/users/u2") == [expected]


def test_groups_are_created_and_deleted(api: FakeApi, people: AppTest) -> None:
    """A group needs a name alone; deleting one asks first."""
    api.on("POST", "/auth/groups", GROUP, status=201)
    api.on("DELETE", "/auth/groups/g1", status=204)
    people.text_input[0].input("Sales")
    button(people, "Create").click().run()
    people.button(key="delete-g1").click().run()
    assert api.sent("POST", "/auth/groups") == [{"name": "Sales"}]
    assert api.sent("DELETE", "/auth/groups/g1") == [None]


def test_the_last_administrator_stays(api: FakeApi, people: AppTest) -> None:
    """A refusal is told in the dialog, in plain words."""
    api.on("PATCH", "/auth/users/u1", problem(409, "last_admin", "No."))
    people.button(key="edit-u1").click().run()
    button(people, "Save").click().run()
    assert "Make somebody else one first" in people.error[0].value


def _input(page: AppTest, label: str) -> TextInput:
    return next(each for each in page.text_input if each.label == label)


# Budgets

STANDING = {
    "scope": "platform",
    "subject_id": None,
    "period": "month",
    "resets_at": "2026-12-01T00:00:00+09:00",
    "tokens": {"limit": None, "used": 12_000, "reserved": 0},
    "cost": {"limit": 50.0, "used": 21.0, "reserved": 0.0},
    "share_used": 0.42,
}
BUDGET = {
    "id": "b1",
    "scope": "platform",
    "subject_id": None,
    "day": {"tokens": None, "cost": None},
    "month": {"tokens": None, "cost": 50.0},
    "standings": [STANDING],
}


def test_budgets_are_shown_set_and_deleted(api: FakeApi, signed_in: AppTest) -> None:
    """An administrator sees what is used; an empty field is no limit."""
    api.on("GET", "/auth/groups", page(GROUP))
    api.on("GET", "/chat/budgets", page(BUDGET))
    api.on("PUT", "/chat/budgets/groups/g1", BUDGET)
    api.on("DELETE", "/chat/budgets/platform", status=204)
    tab = _go(signed_in, "budgets").run()
    told = [each.value.replace("\\", "") for each in tab.caption]
    assert told[-2:] == ["Today: no limit", "This month: $21.00 / $50.00"]
    tab.selectbox[0].set_value("groups/g1")
    tab.number_input(key="day-tokens").set_value(5_000)
    button(tab, "Save").click().run()
    [sent] = api.sent("PUT", "/chat/budgets/groups/g1")
    assert sent == {"day": {"tokens": 5_000, "cost": None}, "month": {"tokens": None, "cost": None}}
    tab.button(key="delete-b1").click().run()
    assert api.sent("DELETE", "/chat/budgets/platform")


def test_people_see_the_budget_of_which_the_least_is_left(api: FakeApi, signed_in: AppTest) -> None:
    day = {**STANDING, "period": "day", "share_used": 0.1}
    api.on("GET", "/chat/budgets/mine", {"items": [day, STANDING]})
    bars = signed_in.run().get("progress")
    assert [bar.proto.text for bar in bars] == ["This month: 42% used, until 2026-12-01"]
