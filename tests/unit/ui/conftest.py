"""Fixtures of the page's tests."""

from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from tests.unit.ui.fake_api import ADMIN, TOKENS, FakeApi, page, problem
from tests.unit.ui.parts import MESSAGES, SESSION, model

MAIN = Path(__file__).parents[3] / "ui" / "main.py"


@pytest.fixture
def api() -> FakeApi:
    """An API with one administrator and nothing else in it."""
    api = FakeApi()
    api.on("POST", "/auth/login", TOKENS)
    api.on("POST", "/auth/logout", status=204)
    api.on("GET", "/auth/me", ADMIN)
    api.on("GET", "/auth/oidc/providers", {"items": []})
    for path in ("/auth/users", "/auth/groups", "/chat/sessions", "/knowledge/collections"):
        api.on("GET", path, page())
    api.on("GET", "/chat/profiles", page())
    api.on("GET", "/chat/budgets/mine", {"items": []})
    api.on("GET", "/chat/models", {"items": [model("embedded")]})
    return api


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the browser sends along; AppTest knows no cookies."""
    cookies: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _self: cookies))
    return cookies


@pytest.fixture
def tab(api: FakeApi, cookies: dict[str, str]) -> AppTest:
    """A browser tab on the page, in English, nobody signed in."""
    tab = AppTest.from_file(MAIN, default_timeout=20)
    tab.session_state["client"] = api.client()
    tab.session_state["language"] = "en"
    return tab


@pytest.fixture
def signed_in(tab: AppTest) -> AppTest:
    """The tab of the administrator, on the chat."""
    tab.session_state["client"].sign_in("kim@example.com", "correct horse")
    tab.session_state["user"] = ADMIN
    return tab


@pytest.fixture
def chat(api: FakeApi, signed_in: AppTest) -> AppTest:
    """The tab with a session open that nothing was said in."""
    api.on("GET", "/chat/sessions?pinned=false", page(SESSION))
    api.on("GET", "/chat/sessions/s1", SESSION)
    api.on("GET", "/knowledge/sessions/s1/documents", page())
    api.on("GET", "/chat/sessions/s1/share", problem(404, "not_shared"))
    api.on("GET", MESSAGES, page())
    signed_in.session_state["session_id"] = "s1"
    return signed_in
