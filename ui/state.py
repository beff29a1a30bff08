"""What one browser tab remembers: who is signed in, and the language."""

import os

import httpx
import streamlit as st

from ui.client import Client
from ui.models import User
from ui.texts import Language, language_of, text
from ui.wire import ApiError, connect

DEFAULT_API_URL = "http://127.0.0.1:8000"
KEPT_AT_SIGN_OUT = {"language", "tried_ticket"}


@st.cache_resource
def _connection(api_url: str, page_key: str) -> httpx.Client:
    return connect(api_url, page_key=page_key)


def client() -> Client:
    """Return this tab's client of the API."""
    if "client" not in st.session_state:
        http = _connection(os.environ.get("API_URL", DEFAULT_API_URL), os.environ.get("PAGE_KEY", ""))
        st.session_state.client = Client(http, st.context.ip_address)
    this_client: Client = st.session_state.client
    return this_client


def user() -> User | None:
    """Return who is signed in, as of the last `refresh_user`."""
    signed_in: User | None = st.session_state.get("user")
    return signed_in


def is_admin() -> bool:
    signed_in = user()
    return signed_in is not None and signed_in["role"] == "admin"


def sign_in(email: str, password: str) -> None:
    client().sign_in(email, password)
    st.session_state.user = client().me()


def sign_in_by_code(challenge: str, code: str) -> None:
    client().sign_in_by_code(challenge, code)
    st.session_state.user = client().me()


def sign_in_by_ticket(ticket: str) -> None:
    client().sign_in_by_ticket(ticket)
    st.session_state.user = client().me()


def refresh_user() -> None:
    """Read again who is signed in: role and groups may have changed. Ends a sign-in that has ended."""
    if user():
        st.session_state.user = client().me()


def forget_user() -> None:
    """Leave nothing of the person in this tab."""
    for key in set(st.session_state) - KEPT_AT_SIGN_OUT:
        del st.session_state[key]


def sign_out() -> None:
    """Sign out here, even when the server cannot be told."""
    try:
        client().sign_out()
    except ApiError:
        pass
    finally:
        forget_user()


def language() -> Language:
    """Return the chosen language, at first the browser's."""
    chosen: Language | None = st.session_state.get("language")
    return chosen or language_of(st.context.locale)


def t(key: str, **values: object) -> str:
    """Return a text of the page in the chosen language."""
    return text(key, language(), **values)
